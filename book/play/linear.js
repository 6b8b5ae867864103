// Linear algebra as in distill_lib/linalg/pseudoinverse.py: rows are samples, and one rule decides on ranks.
import { Matrix, QrDecomposition, SingularValueDecomposition } from "ml-matrix";

export { Matrix };

// The share of the largest singular value that is rounding.
export const negligible = (rows, columns) => 10 * Math.max(rows, columns) * Number.EPSILON;

// A = V diag(s) U^T, reduced; cut at the numerical rank unless `cut` is false.
export function svd(a, cut = true) {
  const wide = a.rows <= a.columns;
  const qr = new QrDecomposition(wide ? a.transpose() : a); // few columns: R is small
  const inner = new SingularValueDecomposition(qr.upperTriangularMatrix);
  const long = qr.orthogonalMatrix.mmul(inner.leftSingularVectors);
  const short = inner.rightSingularVectors;
  const s = inner.diagonal;
  const least = cut ? negligible(a.rows, a.columns) * s[0] : -1;
  const r = s.filter((value) => value > least).length;
  const kept = (m) => (r === m.columns ? m : m.subMatrix(0, m.rows - 1, 0, r - 1));
  return { v: kept(wide ? short : long), u: kept(wide ? long : short), s: s.slice(0, r) };
}

// The matrix with the same singular vectors and other singular values.
export function withValues({ v, u }, values) {
  return Matrix.mul(v, 1).mulRowVector(values).mmul(u.transpose());
}

// The decomposition of the pseudoinverse, transposed back to (m, p): 1 / s, descending.
export function inverse({ v, u, s }) {
  const backwards = s.map((_, i) => s.length - 1 - i);
  const turned = (m) => m.subMatrixColumn(backwards);
  return { v: turned(v), u: turned(u), s: backwards.map((i) => 1 / s[i]) };
}

// (F F^T + reg I)^{-1} F; at reg = 0 the transposed pseudoinverse.
export function regularisedPinv(features, reg) {
  const f = svd(features, reg === 0);
  return withValues(f, f.s.map((s) => (reg === 0 ? 1 / s : s / (s * s + reg))));
}

// The features whose pseudoinverse that is: singular values s + reg / s.
export function regularised(features, reg) {
  if (reg === 0) return features;
  const f = svd(features);
  return withValues(f, f.s.map((s) => s + reg / s));
}

export const pinv = (a) => regularisedPinv(a, 0);
export const norm = (a) => a.norm("frobenius");
export const rank = (a) => svd(a).s.length;
