// The page: controls, the set that they make, a digit to ask both models about, and files to take away.
import { opened } from "./data.js";
import { distil, scores, toInputs, toPixels } from "./distil.js";
import { csv, npz, offer } from "./files.js";
import { Pad } from "./pad.js";
import { centred, drawOne, drawSet } from "./pictures.js";
import { Matrix } from "./linear.js";
import { capital, compared, inWords, telling } from "./told.js";

const SIZES = [2, 5, 8, 9, 10, 11, 15, 20, 30, 50, 70, 100];
const BITS = [0, 16, 12, 10, 8, 7, 6, 5, 4, 3, 2];
const REGS = [0, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]; // lam_S, three steps to a power of ten
const PAGE = 3; // steps of lam_S by the Page keys
const START = { m: 10, start: "noise", noise: 0.1, regS: 0, root: "+", bits: 0, seed: 0 };
// Settings that show something, by the button that asks for them. `share` is lam_S over its bound; `breaks` asks about a
// test digit on which the failure shows.
const EXAMPLES = {
  ten: {},
  hundred: { m: 100, start: "nearest" },
  nine: { m: 9, breaks: true },
  above: { share: 20, breaks: true },
  coarse: { bits: 4, breaks: true },
  large: { m: 100, bits: 8, breaks: true },
  small: { m: 100, bits: 8, share: 0.5, root: "-" },
};
const SLOW = 30; // more points than this wait until the hand rests

let of = null;
let setting = { ...START };
let set = null;
let asked = null; // the digit that both models answer about, pixels (1, d)
let drawn = false; // whether it was drawn
let ask = null; // asks about a test digit, by its number
let tests = null; // the test digits as inputs
let scored = null; // the scores of the original model and of the set's for them

const $ = (name) => document.getElementById(`distil-${name}`);
const all = (selector) => [...document.querySelectorAll(`.distil ${selector}`)];

// Where a lam_S stands among the steps; between two of them by its logarithm.
function stepOf(reg) {
  if (reg <= REGS[1]) return reg / REGS[1];
  const next = REGS.findIndex((value) => value >= reg);
  if (next < 0) return REGS.length - 1;
  return next - Math.log(REGS[next] / reg) / Math.log(REGS[next] / REGS[next - 1]);
}

function shown(value) {
  if (value === 0) return "0";
  if (value >= 1e-3 && value < 1e5) return String(Number(value.toPrecision(3)));
  const [digits, power] = value.toExponential(0).split("e");
  return `${digits}\u00a0×\u00a010${[...String(Number(power))].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c])).join("")}`;
}

const signed = (value) => (Math.round(100 * value) / 100 || 0).toFixed(2).replace("-", "−");

function say(name, words) {
  for (const place of all(`[data-value="${name}"]`)) if (place.textContent !== words) place.textContent = words;
}

// Where the controls stand, from the setting.
function showControls() {
  $("m").value = SIZES.indexOf(setting.m);
  $("noise").value = setting.noise;
  $("bits").value = BITS.indexOf(setting.bits);
  $("reg").value = Math.round(stepOf(setting.regS));
  for (const name of ["start", "root"]) for (const box of all(`[name="distil-${name}"]`)) box.checked = box.value === setting[name];
}

function showLabels() {
  const k = of.weights.rows;
  const free = setting.start === "noise" && setting.m > k;
  const rooted = setting.start !== "nearest" && setting.regS > 0;
  const bits = setting.bits ? `${setting.bits} bits` : "not rounded";
  say("m", `${setting.m}`);
  say("many", `${inWords(setting.m)} images`);
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
  const passed = setting.regS > set.bound * ABOVE;
  say("bound", words);
  say("side", !bounded ? "" : passed ? `${shown(setting.regS)} is above it: no images have this D.` : `${shown(setting.regS)} is within it.`);
  $("reg").setAttribute("aria-valuetext", `${shown(setting.regS)}; the bound is ${words}`);
  $("bound").hidden = !bounded;
  if (bounded) {
    const share = stepOf(set.bound) / (REGS.length - 1);
    $("bound").style.left = `calc(${share} * (100% - 1rem) + 0.5rem - 1px)`; // the thumb is 1rem wide
  }
  $("bound").dataset.passed = passed;
}

const ABOVE = 1 + 1e-12; // rounding is not above the bound

// Why the set shown is worse than the least error that its number of images allows.
function whyWorse() {
  if (setting.start === "noise") {
    const missing = of.classes.slice(setting.m);
    const names = missing.length > 1 ? `${missing.slice(0, -1).join(", ")} and ${missing[missing.length - 1]}` : missing[0];
    const lost = missing.length > 1 ? "those rows of W are" : "that row of W is";
    const why = `they say nothing of ${names}, and ${lost} lost whole`;
    return `The set shown has one-hot labels: ${why}. The least error asks for labels that mix the digits.`;
  }
  return "The set shown is made from real digits. The least error asks for the directions in which W is largest.";
}

// Which theorem says what is seen.
function showVerdict() {
  const few = setting.m < of.weights.rows;
  const above = setting.regS > set.bound * ABOVE;
  const bits = setting.bits > 0;
  const small = setting.root === "-" && setting.regS > 0 && setting.start !== "nearest";
  const told = { few, above, bits, exact: set.exact && !bits };
  told.nearest = told.exact && setting.start === "nearest";
  told.exact &&= !told.nearest;
  told.small = bits && small && set.exact; // rounding as it is with small roots, or what they would mend
  told.mend = bits && !small && setting.start === "noise" && setting.m > of.weights.rows;
  for (const box of all("[data-verdict]")) box.hidden = !told[box.dataset.verdict];
  $("result").dataset.exact = set.exact && !bits;
  say("floor", shown(set.floor));
  if (few) say("worse", whyWorse());
  say("least", shown(1 / (2 * Math.sqrt(setting.regS || 1))));
  const known = set.promised !== null && set.promised < 1;
  say("promised", known ? `bounds the error by ${shown(set.promised)}` : "gives no bound below 1 here");
}

// What stands below the images: the digit of a one-hot label, or the one that the image was.
function showTiles(pixels) {
  const k = of.classes.length;
  const oneHot = set.labels.to1DArray().every((value) => value === 0 || value === 1);
  drawSet($("images"), pixels, of, Array.from({ length: setting.m }, (_, i) => of.classes[i % k]));
  const whose = oneHot ? "its digit by a one-hot label" : "the digit that it was";
  const digits = `${of.classes.slice(0, setting.m).join(", ")}${setting.m > k ? " and again" : ""}`;
  const look = "each stretched to its own range of grey";
  $("images").setAttribute("aria-label", `The ${setting.m} images of the set, ${look}; with ${whose} below: ${digits}`);
  say("below", oneHot
    ? "Below each image its label, one-hot: 1 for this digit and 0 for the others."
    : `Below each image the digit that it was; its label, ${k} numbers, is computed.`);
}

function showSet() {
  const pixels = toPixels(of, set.points);
  const [least, largest] = [pixels.min(), pixels.max()];
  showTiles(pixels);
  say("error", shown(set.error));
  say("range", [least, largest].map((pixel) => Math.round(pixel).toLocaleString("en")).join(" to ").replaceAll("-", "−"));
  if (setting.bits) say("step", shown((largest - least) / (2 ** setting.bits - 1)));
  scored.set = scores(set.weights, tests);
  const { same, share } = compared(scored.all, scored.set);
  scored.same = same;
  say("same", `${same} of ${tests.rows}`);
  say("share", shown(share));
  showBound();
  showVerdict();
}

// Both models' answers to the digit, bar by bar.
function showAnswers() {
  const x = toInputs(of, asked).transpose();
  const values = [of.weights, set.weights].map((w) => w.mmul(x).to1DArray());
  const best = values.map((row) => row.indexOf(Math.max(...row)));
  const reach = Math.max(1, ...values.flat().map(Math.abs));
  all("[data-class]").forEach((line, c) => {
    [...line.querySelectorAll(".distil-bar")].forEach((bar, which) => {
      const value = values[which][c];
      const [low, high] = [Math.max(Math.min(value, 0), -reach / 2), Math.max(value, 0)];
      bar.style.left = `${(100 * (low / reach + 0.5)) / 1.5}%`;
      bar.style.width = `${(100 * (high - low)) / (1.5 * reach)}%`;
      bar.dataset.best = best[which] === c;
      line.querySelectorAll("td")[1 + which].textContent = signed(value);
    });
  });
  const gap = Math.max(...values[0].map((value, c) => Math.abs(value - values[1][c])));
  const [whole, part] = best.map((c) => of.classes[c]);
  say("answer-all", whole);
  say("answer-set", part);
  const differing = tests.rows - scored.same;
  const words = `No score differs by more than ${shown(gap)}.`;
  say("answer", whole === part ? words : `They differ, as on ${differing} of ${tests.rows} test digits.`);
  $("told").dataset.differ = whole !== part;
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
  press(null);
  showLabels();
  busy(true);
  clearTimeout(waits);
  waits = setTimeout(make, setting.m > SLOW ? 120 : 0);
}

function change(part) {
  setting = { ...setting, ...part };
  later();
}

// Which button's setting is shown.
function press(name) {
  for (const button of all("[data-example]")) button.setAttribute("aria-pressed", button.dataset.example === name);
}

function example(name) {
  const { share, breaks, ...rest } = EXAMPLES[name];
  setting = { ...START, ...rest, seed: setting.seed };
  if (share) setting.regS = share * distil(of, setting).bound;
  press(name);
  showControls();
  showLabels();
  make();
  const shows = drawn && $("told").dataset.differ === "true"; // on the reader's own digit
  const at = breaks && !shows ? telling(of.testLabels, scored.all, scored.set) : -1;
  if (at >= 0) ask(at);
}

function askAbout(pixels, words, byHand) {
  asked = pixels;
  drawn = byHand;
  drawOne($("seen"), pixels, of);
  say("asked", words);
  say("asked-first", capital(words));
  showAnswers();
}

function connect() {
  const number = (name, read) => $(name).addEventListener("input", () => change(read(Number($(name).value))));
  number("m", (i) => ({ m: SIZES[i] }));
  number("noise", (noise) => ({ noise }));
  number("bits", (i) => ({ bits: BITS[i] }));
  number("reg", (step) => ({ regS: REGS[step] }));
  $("reg").addEventListener("keydown", (event) => {
    const steps = { PageUp: PAGE, PageDown: -PAGE }[event.key];
    if (!steps) return;
    event.preventDefault();
    $("reg").value = Number($("reg").value) + steps;
    $("reg").dispatchEvent(new Event("input"));
  });
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
    askAbout(Matrix.rowVector(centred(ink, pad.size, of)), ink.some(Boolean) ? "your digit" : "an empty sheet", true),
  );
  let at = -1;
  ask = (which) => {
    at = which % of.tests.rows;
    const name = of.classes[of.testLabels[at]];
    askAbout(of.tests.subMatrixRow([at]), `a test digit, ${name === "8" ? "an" : "a"} ${name}`, false);
    pad.show($("seen"));
  };
  $("clear").addEventListener("click", () => pad.clear());
  $("take").addEventListener("click", () => ask(at + 1));
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
  same: scored.same,
});

function start() {
  of = opened(globalThis.distilData);
  tests = toInputs(of, of.tests);
  scored = { all: scores(of.weights, tests) };
  for (const piece of document.querySelectorAll("template.distil-piece")) piece.replaceWith(piece.content);
  document.querySelector(".distil-still")?.remove();
  say("samples", of.samples.toLocaleString("en"));
  $("m").max = SIZES.length - 1;
  $("bits").max = BITS.length - 1;
  $("reg").max = REGS.length - 1;
  connect();
  showControls();
  showLabels();
  press("ten");
  set = distil(of, setting);
  showSet();
  connectPad();
  ask(0);
}

start();
