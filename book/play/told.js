// What the page says about both models' answers to the test digits.
const NUMBERS = {
  2: "two", 5: "five", 8: "eight", 9: "nine", 10: "ten", 11: "eleven", 15: "fifteen", 20: "twenty", 30: "thirty",
  50: "fifty", 70: "seventy", 100: "a hundred",
};

// A number of images in words, where it has one: beside an answer, a digit would be read as one.
export const inWords = (m) => NUMBERS[m] ?? String(m);

export const capital = (words) => words[0].toUpperCase() + words.slice(1);

const best = (scores) => scores.indexOf(Math.max(...scores));

// How many answers are the same, and how long the set's scores are, as a share of the model's, on average.
export function compared(scores, others) {
  const same = scores.filter((row, i) => best(row) === best(others[i])).length;
  const shares = scores.map((row, i) => Math.hypot(...others[i]) / Math.hypot(...row));
  return { same, share: shares.reduce((a, b) => a + b, 0) / shares.length };
}

// The test digit that shows a failure best: answered rightly by the model and otherwise by the set, its right score
// lowered most. -1 where there is none.
export function telling(labels, scores, others) {
  const lost = scores.map((row, i) => {
    const right = best(row) === labels[i] && best(others[i]) !== labels[i];
    return right ? row[labels[i]] - others[i][labels[i]] : -Infinity;
  });
  const found = best(lost);
  return lost[found] > -Infinity ? found : -1;
}
