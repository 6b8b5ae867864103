// Numbers in words, as distill_lib/companion/site/live/stills.py writes them.
export const REG = "λ<sub>S</sub>";
const ROUNDING = 1e-12;

// Few digits, as Python's format "g".
function general(value, digits) {
  if (value >= 1e-4 && value < 10 ** digits) return String(Number(value.toPrecision(digits)));
  const [head, power] = value.toExponential(digits - 1).split("e");
  return `${Number(head)}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

export const shown = (value) => general(value, 3);
export const two = (value) => general(value, 2);
export const error = (value) => (value < ROUNDING ? "rounding only" : shown(value));
export const about = (value) => Number(value.toPrecision(2)).toLocaleString("en");
