// The theorems, as in distill_lib/theory: labels (m, k), weights (k, d), points (m, d).
import { Matrix, inverse, norm, pinv, rank, regularised, regularisedPinv, svd, withValues } from "./linear.js";

// Theorem 4.1: D = Y_S^+ W + (I - Y_S^+ Y_S) Z. With fewer points than outputs it solves Y_S D = W as nearly as it can.
export function recoveryMatrix(weights, labels, z) {
  return Matrix.add(z, pinv(labels).mmul(Matrix.sub(weights, labels.transpose().mmul(z))));
}

// The largest lam_S for a D: mu^2 / 4 of the least singular value mu of D^+.
export const largestReg = (target) => target.s[target.s.length - 1] ** 2 / 4;

// Theorem 4.1: the root s of s^2 - mu s + reg = 0. Above the bound there is none; s = sqrt(reg) comes nearest.
export function root(mu, reg, sign) {
  if (mu * mu <= 4 * reg * (1 - 16 * Number.EPSILON)) return Math.sqrt(reg);
  const plus = (mu + Math.sqrt(Math.max(mu * mu - 4 * reg, 0))) / 2;
  return sign > 0 ? plus : reg / plus;
}

// The points of a target = svd(D).inverse, with the same root for each singular value.
export const supportPoints = (target, reg, sign) => withValues(target, target.s.map((mu) => root(mu, reg, sign)));

// Theorem 4.2: Y_S = W phi_{lam_S}(X_S).
export const solvedLabels = (weights, points, reg) => regularised(points, reg).mmul(weights.transpose());

// Corollary 4.1.1: its labels, and D nearest to the real points' regularised pseudoinverse.
export function realistic(weights, oneHot, real, reg) {
  const outputs = solvedLabels(weights, real, reg);
  const labels = rank(outputs) === Math.min(real.rows, weights.rows) ? outputs : oneHot;
  return { labels, d: recoveryMatrix(weights, labels, regularisedPinv(real, reg)) };
}

// The nearest set: real points moved least until their span contains the rows of W.
export function nearest(weights, real) {
  const k = weights.rows;
  const x = svd(real);
  const q = svd(weights).u;
  const px = Matrix.sub(real, real.mmul(q).mmul(q.transpose()));
  const b = svd(x.v.transpose().mmul(px), false).v;
  const tail = x.v.mmul(b.subMatrix(0, b.rows - 1, b.columns - k, b.columns - 1));
  return Matrix.sub(real, tail.mmul(tail.transpose().mmul(px)));
}

// W_S = Y_S phi_{lam_S}(X_S)^+: what training on the points gives.
export const trained = (points, labels, reg) => labels.transpose().mmul(regularisedPinv(points, reg));

export const recoveryError = (weights, recovered) => norm(Matrix.sub(recovered, weights)) / norm(weights);

// Part 1 of Theorem 4.1: no set of m points comes nearer to W than this.
export function floor(weights, m) {
  const s = svd(weights).s;
  return Math.sqrt(s.slice(m).reduce((sum, value) => sum + value * value, 0)) / norm(weights);
}

// How far the model can move when independent points that carry it move by E, ||E||_2 = size, labels kept.
export function errorBound(weights, points, size, reg) {
  const f = svd(points);
  if (f.s.length < Math.min(points.rows, points.columns)) return Infinity;
  const t = weights.mmul(f.u).mulRowVector(f.s.map((s) => 1 / s));
  const peak = Math.max(f.s[f.s.length - 1] - size, Math.sqrt(reg));
  return peak > 0 ? (size * norm(t)) / norm(weights) + (size * peak) / (peak * peak + reg) : Infinity;
}

export { inverse, svd };
