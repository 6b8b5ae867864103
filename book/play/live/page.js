// Gives every live figure of the page its control. Without this the pictures stand as they are.
import { Axes } from "./axes.js";
import { alongLine, byLabels, byPoints, digits, drawn, kernel, labels, near, nearestSet, privacy, roots } from "./figures.js";
import { Matrix } from "../linear.js";

const FIGURES = { roots, labels, nearest: nearestSet, kernel, privacy };
const shown = {};

// What the figure of a name shows, for tests and for the console.
export const current = (name) => shown[name].state;

// The functions behind the figures on plain arrays.
export const computed = {
  labels: (weights, inputs, m) => byLabels(new Matrix(weights), new Matrix(inputs), m),
  points: (weights, m) => byPoints(new Matrix(weights), m),
  nearest(weights, inputs, m) {
    const found = near(new Matrix(weights), new Matrix(inputs), m);
    return { ...found, points: found.points.to2DArray() };
  },
  weights: (held) => digits(held).weights.to2DArray(),
  kernel: alongLine,
  drawn,
};

function element(name, attributes, html = "") {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.innerHTML = html;
  return made;
}

function connect(figure) {
  const name = figure.dataset.live;
  const of = FIGURES[name](new Axes(figure.dataset), globalThis.distilLive);
  const id = `live-${name}-control`;
  const value = element("b", {});
  const label = element("label", { for: id }, `${of.label}: `);
  const slider = element("input", { type: "range", id, min: 0, max: of.values.length - 1, step: 1, value: of.start });
  const box = figure.querySelector(".live-control");
  let seed = 0;
  const show = () => {
    const chosen = of.values[slider.value];
    const state = of.at(chosen, seed);
    shown[name] = { state: { value: chosen, ...state } };
    figure.querySelector("[data-now]").innerHTML = state.marks;
    figure.querySelector("output").innerHTML = state.said;
    value.textContent = of.text(chosen);
    slider.setAttribute("aria-valuetext", of.text(chosen));
  };
  label.append(value);
  box.append(label, slider);
  slider.addEventListener("input", show);
  if (of.again) {
    const again = element("button", { type: "button" }, of.again);
    again.addEventListener("click", () => {
      seed += 1;
      show();
    });
    box.append(again);
  }
  show();
}

document.querySelectorAll("figure.live").forEach(connect);
