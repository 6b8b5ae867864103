// Images on canvases: a set as tiles, one digit, and a drawing made an image as MNIST's were.

// Grey pixels from row `i` of a matrix, stretched to their own range or from black to `white`.
function paint(context, pixels, i, of, white) {
  const row = pixels.getRow(i);
  const low = white ? 0 : Math.min(...row);
  const range = (white || Math.max(...row)) - low || 1;
  const image = context.createImageData(of.width, of.height);
  row.forEach((pixel, j) => {
    const grey = (255 * (pixel - low)) / range;
    image.data.set([grey, grey, grey, 255], 4 * j);
  });
  context.putImageData(image, 0, 0);
}

// The images of a set as tiles, each with words below it.
export function drawSet(place, pixels, of, words) {
  while (place.childElementCount > pixels.rows) place.lastChild.remove();
  while (place.childElementCount < pixels.rows) {
    const tile = document.createElement("span");
    tile.append(document.createElement("canvas"), document.createElement("span"));
    place.append(tile);
  }
  place.dataset.columns = pixels.rows <= 10 ? 5 : 10;
  [...place.children].forEach((tile, i) => {
    const [canvas, below] = tile.children;
    canvas.width = of.width;
    canvas.height = of.height;
    paint(canvas.getContext("2d"), pixels, i, of);
    below.textContent = words[i];
  });
}

export function drawOne(canvas, pixels, of) {
  canvas.width = of.width;
  canvas.height = of.height;
  paint(canvas.getContext("2d"), pixels, 0, of, of.white);
}

const BOX = 20 / 28; // a digit's longer side, as a share of the image
const LARGEST = 1 / 6; // a dot stays small

// A drawing as an image: scaled into the box, its centre of mass in the middle. Ink from 0 to 1, `size` squared.
export function centred(ink, size, of) {
  let [left, right, top, bottom, mass, x, y] = [size, -1, size, -1, 0, 0, 0];
  ink.forEach((value, at) => {
    if (!value) return;
    const [i, j] = [Math.floor(at / size), at % size];
    [left, right] = [Math.min(left, j), Math.max(right, j)];
    [top, bottom] = [Math.min(top, i), Math.max(bottom, i)];
    mass += value;
    x += value * (j + 0.5);
    y += value * (i + 0.5);
  });
  const image = new Array(of.width * of.height).fill(0);
  if (!mass) return image;
  const scale = Math.min((BOX * of.width) / (1 + Math.max(right - left, bottom - top)), LARGEST);
  const place = (at, centre, length) => (at + 0.5 - centre) * scale + length / 2 - 0.5;
  ink.forEach((value, at) => {
    if (!value) return;
    const row = place(Math.floor(at / size), y / mass, of.height);
    const column = place(at % size, x / mass, of.width);
    for (const i of [Math.floor(row), Math.floor(row) + 1]) {
      for (const j of [Math.floor(column), Math.floor(column) + 1]) {
        const share = (1 - Math.abs(row - i)) * (1 - Math.abs(column - j));
        if (i >= 0 && i < of.height && j >= 0 && j < of.width) image[i * of.width + j] += value * share * scale ** 2;
      }
    }
  });
  return image.map((value) => Math.min(1, value) * of.white);
}
