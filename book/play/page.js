// The page: controls, the set that they make, a digit to ask both models about, and files to take away.
import { opened } from "./data.js";
import { answers, distil, toInputs, toPixels } from "./distil.js";
import { csv, npz, offer } from "./files.js";
import { Pad } from "./pad.js";
import { centred, drawOne, drawSet } from "./pictures.js";
import { Matrix } from "./linear.js";

const SIZES = [2, 5, 8, 9, 10, 11, 15, 20, 30, 50, 70, 100];
const BITS = [0, 16, 12, 10, 8, 7, 6, 5, 4, 3, 2];
const [LEAST, LARGEST, STEPS] = [1e-3, 100, 100]; // of lam_S, on a scale of powers; the first step is 0
const START = { m: 10, start: "noise", noise: 0.1, regS: 0, root: "+", bits: 0, seed: 0 };
// Settings that show something, by the button that asks for them. A share is one of the bound.
const EXAMPLES = {
  ten: {},
  hundred: { m: 100, start: "nearest" },
  nine: { m: 9 },
  above: { share: 1.5 },
  coarse: { bits: 4 },
  large: { m: 100, bits: 8 },
  small: { m: 100, bits: 8, share: 0.5, root: "-" },
};
const SLOW = 30; // more points than this wait until the hand rests

let of = null;
let setting = { ...START };
let set = null;
let asked = null; // the digit that both models answer about, pixels (1, d)
let original = null; // answers of the original model to the test digits

const $ = (name) => document.getElementById(`distil-${name}`);
const all = (selector) => [...document.querySelectorAll(`.distil ${selector}`)];

const regOf = (step) => (step === 0 ? 0 : LEAST * (LARGEST / LEAST) ** ((step - 1) / (STEPS - 1)));
const stepOf = (reg) => 1 + ((STEPS - 1) * Math.log(reg / LEAST)) / Math.log(LARGEST / LEAST);

function shown(value) {
  if (value === 0) return "0";
  if (value >= 1e-3 && value < 1e5) return String(Number(value.toPrecision(3)));
  const [digits, power] = value.toExponential(0).split("e");
  return `${digits}\u00a0×\u00a010${[...String(Number(power))].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c])).join("")}`;
}

function say(name, words) {
  for (const place of all(`[data-value="${name}"]`)) if (place.textContent !== words) place.textContent = words;
}

// Where the controls stand, from the setting.
function showControls() {
  $("m").value = SIZES.indexOf(setting.m);
  $("noise").value = setting.noise;
  $("bits").value = BITS.indexOf(setting.bits);
  $("reg").value = setting.regS === 0 ? 0 : stepOf(setting.regS);
  for (const name of ["start", "root"]) for (const box of all(`[name="distil-${name}"]`)) box.checked = box.value === setting[name];
}

function showLabels() {
  const k = of.weights.rows;
  const free = setting.start === "noise" && setting.m > k;
  const rooted = setting.start !== "nearest" && setting.regS > 0;
  const bits = setting.bits ? `${setting.bits} bits` : "not rounded";
  say("m", `${setting.m}`);
  say("noise", setting.noise.toFixed(2));
  say("bits", bits);
  say("reg", shown(setting.regS));
  $("m").setAttribute("aria-valuetext", `${setting.m} images`);
  $("bits").setAttribute("aria-valuetext", bits);
  $("noise").disabled = !free;
  for (const box of all('[name="distil-root"]')) box.disabled = !rooted;
  say("why-noise", setting.start !== "noise" ? "Z comes from the digits." : free ? "" : `Nothing is free with up to ${k} images.`);
  say("why-root", rooted ? "" : setting.start === "nearest" ? "These images are the same for every λ." : "At λ = 0 there is one root.");
}

function showBound() {
  const bounded = Number.isFinite(set.bound);
  const words = bounded ? shown(set.bound) : "none";
  say("bound", words);
  $("reg").setAttribute("aria-valuetext", `${shown(setting.regS)}; the bound is ${words}`);
  $("bound").hidden = !bounded;
  if (bounded) {
    const share = Math.min(Math.max(stepOf(set.bound) / STEPS, 0), 1);
    $("bound").style.left = `calc(${share} * (100% - 1rem) + 0.5rem - 1px)`; // the thumb is 1rem wide
  }
  $("bound").dataset.passed = setting.regS > set.bound;
}

// Which theorem says what is seen.
function showVerdict() {
  const few = setting.m < of.weights.rows;
  const above = setting.regS > set.bound * (1 + 1e-12);
  const told = { few, above, bits: setting.bits > 0, exact: set.exact && !setting.bits };
  told.nearest = told.exact && setting.start === "nearest";
  told.exact &&= !told.nearest;
  for (const box of all("[data-verdict]")) box.hidden = !told[box.dataset.verdict];
  $("result").dataset.exact = set.exact && !setting.bits;
  say("floor", shown(set.floor));
  say("least", shown(1 / (2 * Math.sqrt(setting.regS || 1))));
  const known = set.promised !== null && set.promised < 1;
  say("promised", known ? `bounds the error by ${shown(set.promised)}` : "gives no bound below 1 here");
}

function showSet() {
  const pixels = toPixels(of, set.points);
  drawSet($("images"), pixels, of);
  $("images").setAttribute("aria-label", `The ${setting.m} images of the set, each stretched to its own range of grey`);
  say("error", shown(set.error));
  say("range", [pixels.min(), pixels.max()].map((pixel) => Math.round(pixel).toLocaleString("en")).join(" to ").replaceAll("-", "−"));
  const same = answers(set.weights, toInputs(of, of.tests)).filter((answer, i) => answer === original[i]).length;
  say("same", `${same} of ${original.length}`);
  showBound();
  showVerdict();
}

// Both models' answers to the digit, bar by bar.
function showAnswers() {
  const x = toInputs(of, asked).transpose();
  const scores = [of.weights, set.weights].map((w) => w.mmul(x).to1DArray());
  const best = scores.map((row) => row.indexOf(Math.max(...row)));
  const reach = Math.max(1, ...scores.flat().map(Math.abs));
  all("[data-class]").forEach((line, c) => {
    [...line.querySelectorAll(".distil-bar")].forEach((bar, which) => {
      const value = scores[which][c];
      const [low, high] = [Math.max(Math.min(value, 0), -reach / 2), Math.max(value, 0)];
      bar.style.left = `${(100 * (low / reach + 0.5)) / 1.5}%`;
      bar.style.width = `${(100 * (high - low)) / (1.5 * reach)}%`;
      bar.dataset.best = best[which] === c;
      line.querySelectorAll("td")[1 + which].textContent = value.toFixed(2).replace("-", "−");
    });
  });
  const gap = Math.max(...scores[0].map((value, c) => Math.abs(value - scores[1][c])));
  const names = best.map((c) => of.classes[c]);
  const words = names[0] === names[1] ? `Both say ${names[0]}.` : `They differ: ${names[0]} and ${names[1]}.`;
  say("answer", `${words} No score differs by more than ${shown(gap)}.`);
}

function make() {
  clearTimeout(waits);
  set = distil(of, setting);
  showSet();
  showAnswers();
  busy(false);
}

const busy = (waiting) => document.querySelector(".distil").setAttribute("aria-busy", waiting);

let waits = 0;
function later() {
  showLabels();
  busy(true);
  clearTimeout(waits);
  waits = setTimeout(make, setting.m > SLOW ? 120 : 0);
}

function change(part) {
  setting = { ...setting, ...part };
  later();
}

function example(name) {
  const { share, ...rest } = EXAMPLES[name];
  setting = { ...START, ...rest, seed: setting.seed };
  if (share) setting.regS = share * distil(of, setting).bound;
  showControls();
  showLabels();
  make();
}

function askAbout(pixels, words) {
  asked = pixels;
  drawOne($("seen"), pixels, of);
  say("asked", words);
  showAnswers();
}

function connect() {
  const number = (name, read) => $(name).addEventListener("input", () => change(read(Number($(name).value))));
  number("m", (i) => ({ m: SIZES[i] }));
  number("noise", (noise) => ({ noise }));
  number("bits", (i) => ({ bits: BITS[i] }));
  number("reg", (step) => ({ regS: regOf(step) }));
  for (const name of ["start", "root"]) {
    for (const box of all(`[name="distil-${name}"]`)) box.addEventListener("change", () => change({ [name]: box.value }));
  }
  for (const button of all("[data-example]")) button.addEventListener("click", () => example(button.dataset.example));
  $("again").addEventListener("click", () => change({ seed: setting.seed + 1 }));
  for (const [name, file] of Object.entries({ npz, csv })) {
    $(name).addEventListener("click", () => {
      make(); // what the controls say, even while they wait
      offer(file(of, set), `distilled-${setting.m}.${name}`);
    });
  }
}

function connectPad() {
  const pad = new Pad($("pad"), $("cursor"), (ink) =>
    askAbout(Matrix.rowVector(centred(ink, pad.size, of)), ink.some(Boolean) ? "your digit" : "an empty sheet"),
  );
  let at = -1;
  const take = () => {
    at = (at + 1) % of.tests.rows;
    askAbout(of.tests.subMatrixRow([at]), `a test digit, a ${of.classes[of.testLabels[at]]}`);
    pad.show($("seen"));
  };
  $("clear").addEventListener("click", () => pad.clear());
  $("take").addEventListener("click", take);
  return take;
}

// What is shown, for tests and for the console.
export const current = () => ({
  setting: { ...setting },
  points: set.points.to2DArray(),
  labels: set.labels.to2DArray(),
  weights: set.weights.to2DArray(),
  z: set.z?.to2DArray() ?? null,
  rows: set.rows,
  bound: Number.isFinite(set.bound) ? set.bound : null,
  promised: Number.isFinite(set.promised) ? set.promised : null,
  error: set.error,
  floor: set.floor,
  pixels: asked.to1DArray(),
});

function start() {
  of = opened(globalThis.distilData);
  original = answers(of.weights, toInputs(of, of.tests));
  for (const piece of document.querySelectorAll("template.distil-piece")) piece.replaceWith(piece.content);
  document.querySelector(".distil-still")?.remove();
  $("m").max = SIZES.length - 1;
  $("bits").max = BITS.length - 1;
  $("reg").max = STEPS;
  connect();
  showControls();
  showLabels();
  set = distil(of, setting);
  connectPad()();
  showSet();
}

start();
