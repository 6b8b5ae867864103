// Until the formulas are drawn, what they would move is not shown: a page stands still once it can be read. Then:
// Formulas and tables shrink a little before they scroll; what scrolls sideways can be reached by keyboard; a figure
// shown smaller than it is leads to its full size.

const TABLE = ".pst-scrollable-table-container, .cell_output .text_html";
const FORMULA = "mjx-container[display]";
const SCROLLING = `${TABLE}, ${FORMULA}, pre`;
const LEAST = [[FORMULA, 0.58], [TABLE, 0.7]]; // of their size
const fitted = new WeakMap(); // to the width that they had
const PAPER = matchMedia("print");

function fit(box) {
  const [, least] = LEAST.find(([selector]) => box.matches(selector)) ?? [];
  const width = `${box.clientWidth}${PAPER.matches}`; // what fits on paper may not on a screen
  if (!least || !box.clientWidth || fitted.get(box)?.width === width) return;
  const size = fitted.get(box)?.size ?? (parseFloat(box.style.fontSize) || 100); // MathJax sets its own, in per cent
  box.style.fontSize = `${size}%`;
  for (let share = 1, tries = 0; tries < 6 && share > least && box.scrollWidth > box.clientWidth + 1; tries++) {
    share = Math.max(least, share * Math.min(box.clientWidth / box.scrollWidth, 0.99));
    box.style.fontSize = `${share * size}%`;
  }
  fitted.set(box, { size, width });
}

// A formula in a line that is longer than the line.
function fitInline(article) {
  for (const box of article.querySelectorAll("mjx-container:not([display])")) {
    const place = box.closest("p, li, dd, dt, td, th, figcaption");
    if (!place?.clientWidth) continue;
    fitted.has(box) || fitted.set(box, { size: parseFloat(box.style.fontSize) || 100 });
    const { size } = fitted.get(box);
    if (box.dataset.shrunk) box.style.fontSize = `${size}%`;
    const share = place.clientWidth / box.getBoundingClientRect().width;
    if (share < 1) box.style.fontSize = `${Math.max(LEAST[0][1], 0.99 * share) * size}%`;
    if (share < 1) box.dataset.shrunk = "true";
  }
}

function reachable(box) {
  fit(box);
  const scrolls = box.scrollWidth > box.clientWidth + 1;
  if (scrolls) {
    box.tabIndex = 0;
    if (box.querySelector("table")) {
      box.setAttribute("role", "region");
      box.setAttribute("aria-label", "Table, wider than the page: scrolls sideways");
    }
  } else if (box.getAttribute("role") === "region") {
    for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
  }
}

function enlarge(image) {
  if (image.closest("a") || !image.naturalWidth || image.naturalWidth < 1.2 * image.clientWidth) return;
  const link = document.createElement("a");
  link.href = image.src;
  link.className = "full-size";
  link.title = "The figure at full size";
  image.replaceWith(link);
  link.append(image);
}

const PATIENCE = 20000; // milliseconds for the formulas to be drawn
const drawn = () => document.documentElement.classList.remove("formulas-wait");
document.documentElement.classList.add("formulas-wait");
setTimeout(drawn, PATIENCE);
addEventListener("load", () => (window.MathJax?.startup?.promise ?? Promise.resolve()).then(drawn, drawn));

function start() {
  const article = document.querySelector("article");
  if (!article) return;
  const watch = new ResizeObserver((entries) => entries.forEach((entry) => reachable(entry.target)));
  article.querySelectorAll(SCROLLING).forEach((box) => watch.observe(box));
  PAPER.addEventListener("change", () => article.querySelectorAll(SCROLLING).forEach(reachable));
  new MutationObserver((changes) => {
    for (const node of changes.flatMap((change) => [...change.addedNodes]))
      if (node.nodeType === 1 && node.matches(FORMULA)) watch.observe(node);
  }).observe(article, { childList: true, subtree: true }); // formulas are drawn later
  addEventListener("load", () => {
    window.MathJax?.startup?.promise?.then(() => new ResizeObserver(() => fitInline(article)).observe(article));
  });
  article.querySelectorAll(":is(.cell_output, figure) img").forEach((image) => {
    const sized = new ResizeObserver(() => enlarge(image));
    sized.observe(image);
  });
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
