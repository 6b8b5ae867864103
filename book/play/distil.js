// From a setting to a distilled set and the model that it trains.
import { normals } from "./draws.js";
import { Matrix, inverse, norm, svd } from "./linear.js";
import {
  errorBound, floor, largestReg, nearest, realistic, recoveryError, recoveryMatrix, solvedLabels,
  supportPoints, trained,
} from "./theorems.js";

// Pixels (n, d) as inputs of the model, and back.
export const toInputs = (of, pixels) => Matrix.div(pixels, of.white).sub(of.mean).div(of.std);
export const toPixels = (of, points) => Matrix.mul(points, of.std).add(of.mean).mul(of.white);

export function oneHot(m, k) {
  const labels = Matrix.zeros(m, k);
  for (let i = 0; i < m; i++) labels.set(i, i % k, 1);
  return labels;
}

// Z: random, of `noise` times the deviation of the entries of Y_S^+ W.
function freeMatrix(weights, labels, noise, seed) {
  const z = Matrix.zeros(labels.rows, weights.columns);
  if (!noise) return z;
  const smallest = recoveryMatrix(weights, labels, z).to1DArray();
  const mean = smallest.reduce((a, b) => a + b) / smallest.length;
  const deviation = Math.sqrt(smallest.reduce((sum, x) => sum + (x - mean) ** 2, 0) / smallest.length);
  const draw = normals(seed);
  return z.apply((i, j) => z.set(i, j, noise * deviation * draw()));
}

const halfToEven = (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x));

// Pixels as b-bit integers between the least and the largest of the set, read back.
function rounded(pixels, bits) {
  const low = pixels.min();
  const scale = (pixels.max() - low) / (2 ** bits - 1);
  return Matrix.mul(pixels, 1).sub(low).div(scale || 1).apply(function (i, j) {
    this.set(i, j, low + scale * halfToEven(this.get(i, j)));
  });
}

// The set before it is stored: points, labels, the bound of lam_S (Infinity where there is none) and Z.
function made(of, setting) {
  const { m, start, regS } = setting;
  const k = of.weights.rows;
  const rows = Array.from({ length: m }, (_, i) => (i + k * setting.seed) % of.real.rows);
  const real = start === "noise" ? null : toInputs(of, of.real.subMatrixRow(rows));
  if (start === "nearest") {
    const points = m < k ? real : nearest(of.weights, real);
    return { points, labels: solvedLabels(of.weights, points, regS), bound: Infinity, rows };
  }
  let labels = oneHot(m, k);
  let z = null;
  let d;
  if (start === "real") ({ labels, d } = realistic(of.weights, labels, real, regS));
  else {
    z = freeMatrix(of.weights, labels, m > k ? setting.noise : 0, setting.seed);
    d = recoveryMatrix(of.weights, labels, z);
  }
  const target = inverse(svd(d));
  const points = supportPoints(target, regS, regS > 0 && setting.root === "-" ? -1 : 1);
  return { points, labels, bound: largestReg(target), z, rows };
}

// of: weights (k, d), real (n, d) in rounds of the classes, white, mean, std.
// setting: m, start (noise, real, nearest), noise, regS, root (+, -), bits (0: float64), seed.
export function distil(of, setting) {
  const set = made(of, setting);
  const { regS, bits, m } = setting;
  const exact = m >= of.weights.rows && regS <= set.bound * (1 + 16 * Number.EPSILON);
  let { points } = set;
  let promised = null; // by the theorem on a change of the points
  if (bits) {
    points = toInputs(of, rounded(toPixels(of, points), bits));
    const moved = svd(Matrix.sub(points, set.points)).s[0] || 0;
    promised = exact ? errorBound(of.weights, set.points, moved, regS) : Infinity;
  }
  const weights = trained(points, set.labels, regS);
  return {
    ...set,
    setting,
    points,
    weights,
    exact,
    promised,
    error: recoveryError(of.weights, weights),
    floor: floor(of.weights, m),
    size: norm(points),
  };
}

// The scores of a model, row by row.
export const scores = (weights, inputs) => inputs.mmul(weights.transpose()).to2DArray();
