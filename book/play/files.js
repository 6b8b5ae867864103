// A distilled set as files: the .npz that DistilledSet.load and numpy.load read, and a table as text.
import { strToU8, zipSync } from "fflate";

// An array in NumPy's format, version 1.0.
function npy(descr, shape, bytes) {
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const fields = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${tuple}), }`;
  const length = Math.ceil((fields.length + 11) / 64) * 64 - 10;
  const head = `${fields.padEnd(length - 1)}\n`;
  const whole = new Uint8Array(10 + length + bytes.length);
  whole.set([0x93, ...strToU8("NUMPY"), 1, 0, length & 255, length >> 8]);
  whole.set(strToU8(head), 10);
  whole.set(bytes, 10 + length);
  return whole;
}

const little = (count, size, write) => {
  const view = new DataView(new ArrayBuffer(count * size));
  for (let i = 0; i < count; i++) write(view, i * size, i);
  return new Uint8Array(view.buffer);
};

const numbers = (matrix) => {
  const flat = matrix.to1DArray();
  const bytes = little(flat.length, 8, (view, at, i) => view.setFloat64(at, flat[i], true));
  return npy("<f8", [matrix.rows, matrix.columns], bytes);
};

const text = (value) => {
  const points = Array.from(value, (c) => c.codePointAt(0));
  const bytes = little(points.length, 4, (view, at, i) => view.setUint32(at, points[i], true));
  return npy(`<U${points.length}`, [], bytes);
};

const CONSTRUCTIONS = {
  noise: "Theorem 4.1/5.1 from noise",
  real: "Corollary 4.1.1",
  nearest: "nearest set in feature space",
};

// What distill_lib/sets/packing.py reads.
function header(of, set) {
  const { points, labels, setting, exact, error } = set;
  const shape = (matrix) => ["float64", [matrix.rows, matrix.columns]];
  return JSON.stringify({
    format: "distill-lib distilled set",
    version: 2,
    arrays: { points: shape(points), labels: shape(labels) },
    feature_map: { kind: "Linear", dim: points.columns },
    normalisation: {
      shape: [of.height, of.width, 1],
      pixel_max: of.white,
      mean: [of.mean],
      std: [of.std],
      dtype: "float64",
    },
    kernel: null,
    reg_s: setting.regS,
    label_convention: setting.start === "noise" ? "one-hot" : "of the model",
    construction: exact && !setting.bits ? CONSTRUCTIONS[setting.start] : "made in a browser, not exact",
    provenance: { made_by: "the page Distil in your browser", dataset: of.name, ...setting, recovery_error: error },
  });
}

export function npz(of, set) {
  const members = { points: numbers(set.points), labels: numbers(set.labels), header: text(header(of, set)) };
  const named = Object.entries(members).map(([name, bytes]) => [`${name}.npy`, bytes]);
  return new Blob([zipSync(Object.fromEntries(named))], { type: "application/zip" });
}

// One image a line: its k labels, then its inputs. Numbers read back as they were.
export function csv(of, set) {
  const names = [...of.classes.map((name) => `label ${name}`), ...Array.from({ length: set.points.columns }, (_, j) => `x${j}`)];
  const lines = set.points.to2DArray().map((row, i) => [...set.labels.getRow(i), ...row].join(","));
  return new Blob([`# lam_S = ${set.setting.regS}\n${names.join(",")}\n${lines.join("\n")}\n`], { type: "text/csv" });
}

export function offer(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
