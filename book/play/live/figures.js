// Five figures. Each has a control and, for each of its values, marks, a sentence, and what they were computed of.
import { normals, uniforms } from "../draws.js";
import { oneHot, toInputs, toPixels } from "../distil.js";
import { Matrix, inverse, svd } from "../linear.js";
import { floor, nearest, recoveryError, recoveryMatrix, root, solvedLabels, supportPoints, trained } from "../theorems.js";
import { row } from "./pictures.js";
import { REG, about, error, shown, two } from "./words.js";

const LEVEL = 0.4; // s'
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

// h(s) = s / (s^2 + lam_S) and where it is s'.
export function roots(axes) {
  const bound = 1 / (4 * LEVEL ** 2);
  const values = range(5, 50).map((step) => step / 20);
  return {
    label: `Ridge parameter ${REG}`,
    values,
    start: values.indexOf(1),
    text: shown,
    at(reg) {
      const found = reg > bound ? [] : [-1, 1].map((sign) => root(1 / LEVEL, reg, sign));
      const marks = found.map((s) => axes.path([[s, LEVEL], [s, 0]], "two dashed") + axes.dot(s, LEVEL, "two"));
      const [low, high] = found.map(shown);
      const said = found.length
        ? `${REG} = ${shown(reg)}: the roots are ${low} and ${high}. Their product is ${REG}.`
        : `${REG} = ${shown(reg)}: no root. The top of the curve is below s′, as ${REG} is above 1 / (4 s′²) = ${shown(bound)}.`;
      return { marks: axes.path(axes.curve(201, (s) => s / (s * s + reg)), "one") + marks.join(""), said, found };
    },
  };
}

// The digits that a page holds, and the ridge model of all of them.
export function digits(held) {
  const of = { white: held.pixel_max, mean: held.mean, std: held.std, height: held.shape[0], width: held.shape[1] };
  of.real = new Matrix(held.images.map((image) => Array.from(image, (c) => parseInt(c, 36))));
  of.inputs = toInputs(of, of.real);
  const labels = Matrix.zeros(of.real.rows, held.classes);
  Array.from(held.labels).forEach((label, i) => labels.set(i, Number(label), 1));
  of.weights = trained(of.inputs, labels, held.reg);
  return of;
}

const first = (matrix, m) => matrix.subMatrix(0, m - 1, 0, matrix.columns - 1);

// Theorem 4.2 on the first m digits, and Theorem 4.1 with m points and one-hot labels.
export function byLabels(weights, inputs, m) {
  const points = first(inputs, m);
  const carried = trained(points, solvedLabels(weights, points, 0), 0);
  return recoveryError(weights, carried);
}

export function byPoints(weights, m) {
  if (m < weights.rows) return floor(weights, m);
  const labels = oneHot(m, weights.rows);
  const d = recoveryMatrix(weights, labels, Matrix.zeros(m, weights.columns));
  return recoveryError(weights, trained(supportPoints(inverse(svd(d)), 0, 1), labels, 0));
}

export function labels(axes, data) {
  const of = digits(data.digits);
  const k = of.weights.rows;
  return {
    label: "Points <i>m</i>",
    values: range(1, of.inputs.rows),
    start: 29,
    text: String,
    at(m) {
      const found = [byLabels(of.weights, of.inputs, m), byPoints(of.weights, m)];
      const other = m < k ? `whatever the points, at least ${error(found[1])}` : `Theorem 4.1 ${error(found[1])}`;
      return {
        marks: axes.dot(m, found[0], "one", 5) + axes.dot(m, found[1], "two", 5),
        said: `m = ${m}: labels only ${error(found[0])}; ${other}.`,
        found,
      };
    },
  };
}

// The nearest set of the first m inputs: itself, how far it is, its condition number, its recovery error.
export function near(weights, inputs, m) {
  const real = first(inputs, m);
  const points = nearest(weights, real);
  const { s } = svd(points);
  return {
    points,
    distance: Matrix.sub(points, real).norm("frobenius") / real.norm("frobenius"),
    condition: s[0] / s[s.length - 1],
    error: recoveryError(weights, trained(points, solvedLabels(weights, points, 0), 0)),
  };
}

export function nearestSet(axes, data) {
  const of = digits(data.digits);
  return {
    label: "Points <i>m</i>",
    values: range(of.weights.rows, of.weights.columns),
    start: 30 - of.weights.rows,
    text: String,
    at(m) {
      const { points, ...found } = near(of.weights, of.inputs, m);
      const moves = `m = ${m}: the digits move by ${two(100 * found.distance)} % of their size.`;
      return {
        marks: row(toPixels(of, points), of, [52, 48], 29) + axes.dot(m, found.distance, "two", 5),
        said: `${moves} Condition number ${about(found.condition)}.`,
        found,
      };
    },
  };
}

// phi(x)^T phi(x') of random Fourier features at the distances r, along a line: frequencies a, phases b.
export function alongLine(a, b, distances) {
  const cosines = b.map(Math.cos);
  return distances.map((r) => (2 / a.length) * a.reduce((sum, each, i) => sum + cosines[i] * Math.cos(each * r + b[i]), 0));
}

export function drawn(p, seed) {
  const [normal, uniform] = [normals(seed), uniforms(seed + 1000)];
  return [Array.from({ length: p }, normal), Array.from({ length: p }, () => 2 * Math.PI * uniform())];
}

export function kernel(axes) {
  return {
    label: "Features <i>p</i>",
    values: range(3, 12).map((power) => 2 ** power),
    start: 1,
    text: (p) => p.toLocaleString("en"),
    again: "Other features",
    at(p, seed) {
      const [a, b] = drawn(p, seed);
      const points = axes.curve(161, (r) => r);
      const made = alongLine(a, b, points.map(([r]) => r));
      const gap = Math.max(...points.map(([r], i) => Math.abs(made[i] - Math.exp((-r * r) / 2))));
      return {
        marks: axes.path(points.map(([r], i) => [r, made[i]]), "one"),
        said: `p = ${p} features: off by at most ${two(gap)} here; 1 / √p = ${two(1 / Math.sqrt(p))}.`,
        found: { a, b, made },
      };
    },
  };
}

// Recorded: nothing is computed, the control reads off.
export function privacy(axes, data) {
  const curves = data.privacy;
  const { epsilon } = curves[0];
  return {
    label: "Privacy parameter ε",
    values: epsilon,
    start: Math.floor(epsilon.length / 2),
    text: String,
    at(value) {
      const i = epsilon.indexOf(value);
      const marks = curves.map(({ mean }, line) => {
        const place = `x="${axes.right + 8}" y="${axes.low + 50 + 16 * line}" text-anchor="end" class="small"`;
        return `${axes.dot(value, mean[i], ["one", "two"][line % 2])}<text ${place}>${mean[i].toFixed(1)} %</text>`;
      });
      const best = Math.max(...curves.map(({ without }) => without));
      return {
        marks: marks.join(""),
        said: `ε = ${value}. Without noise the best of these models has ${best.toFixed(1)} %.`,
        found: curves.map(({ mean }) => mean[i]),
      };
    },
  };
}
