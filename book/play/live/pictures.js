// A row of images as one picture inside a drawing.
const SHOWN = 10;

export function row(pixels, of, [x, y], across) {
  const canvas = document.createElement("canvas");
  const step = of.width + 1;
  canvas.width = SHOWN * step - 1;
  canvas.height = of.height;
  const context = canvas.getContext("2d");
  for (let i = 0; i < Math.min(SHOWN, pixels.rows); i++) {
    const image = context.createImageData(of.width, of.height);
    pixels.getRow(i).forEach((pixel, j) => {
      const grey = (255 * pixel) / of.white; // the array rounds and cuts
      image.data.set([grey, grey, grey, 255], 4 * j);
    });
    context.putImageData(image, i * step, 0);
  }
  const [width, height] = [canvas.width, canvas.height].map((side) => ((side * across) / step).toFixed(1));
  const place = `x="${x}" y="${y}" width="${width}" height="${height}"`;
  return `<image ${place} style="image-rendering:pixelated" href="${canvas.toDataURL()}"/>`;
}
