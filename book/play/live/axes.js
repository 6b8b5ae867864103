// Marks on the axes of a still picture, which gives them as numbers: see distill_lib/companion/site/live/axes.py.
export class Axes {
  constructor({ axes, log }) {
    const [left, right, x0, x1, low, top, y0, y1] = axes.split(" ").map(Number);
    const powers = (letter, value, least) => (log.includes(letter) ? Math.log(Math.max(value, least)) : value);
    const share = (letter, value, a, b) => {
      const [from, to, at] = [a, b, value].map((each) => powers(letter, each, a));
      return (at - from) / (to - from);
    };
    this.across = (x) => left + (right - left) * share("x", x, x0, x1);
    this.up = (y) => low + (top - low) * Math.min(Math.max(share("y", y, y0, y1), 0), 1);
    Object.assign(this, { left, right, low, top, x0, x1 });
  }

  at(x, y) {
    return `${this.across(x).toFixed(1)},${this.up(y).toFixed(1)}`;
  }

  path(points, kind) {
    return `<polyline points="${points.map(([x, y]) => this.at(x, y)).join(" ")}" class="${kind}"/>`;
  }

  dot(x, y, kind, radius = 4) {
    const [cx, cy] = this.at(x, y).split(",");
    return `<circle cx="${cx}" cy="${cy}" r="${radius}" class="${kind}"/>`;
  }

  // What `count` numbers between the ends give, as points.
  curve(count, value) {
    const numbers = Array.from({ length: count }, (_, i) => this.x0 + ((this.x1 - this.x0) * i) / (count - 1));
    return numbers.map((x) => [x, value(x)]);
  }
}
