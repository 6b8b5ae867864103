// The data of the page, from the script that was loaded before: see distill_lib/experiments/in_the_browser.py.
import { unzlibSync } from "fflate";
import { Matrix } from "ml-matrix";

const TYPES = { "<f8": Float64Array, "|u1": Uint8Array };

function array({ dtype, shape, zlib }) {
  const bytes = unzlibSync(Uint8Array.from(atob(zlib), (c) => c.charCodeAt(0)));
  const flat = new TYPES[dtype](bytes.slice().buffer);
  const columns = shape.slice(1).reduce((a, b) => a * b, 1);
  return { flat, rows: shape[0], columns };
}

function matrix(packed) {
  const { flat, rows, columns } = array(packed);
  return Matrix.from1DArray(rows, columns, Array.from(flat));
}

export function opened(data) {
  if (data.shape[2] !== 1) throw new Error("the page shows grey images");
  return {
    weights: matrix(data.weights),
    real: matrix(data.real),
    tests: matrix(data.test),
    testLabels: Array.from(array(data.test_labels).flat),
    white: data.pixel_max,
    mean: data.mean[0],
    std: data.std[0],
    height: data.shape[0],
    width: data.shape[1],
    classes: data.classes,
    name: data.dataset,
    samples: data.samples,
  };
}
