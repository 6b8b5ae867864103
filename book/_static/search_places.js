// Beside each result of the search: the section where the words stand, and the words around them.
const AROUND = 90; // characters before the first word that was found, and after it

const asked = () =>
  (new URLSearchParams(location.search).get("q") || "").toLowerCase().split(/\s+/).filter((word) => word.length > 1);

// The section that has most of the words, the earliest of equals.
function placeOf(page, words) {
  let best = null;
  for (const [anchor, heading, text] of globalThis.bookPlaces?.[page] || []) {
    const low = `${heading} ${text}`.toLowerCase();
    const count = words.filter((word) => low.includes(word)).length;
    if (count > (best?.count ?? 0)) best = { anchor, heading, text, count };
  }
  return best;
}

function around(text, words) {
  const low = text.toLowerCase();
  const at = Math.min(...words.map((word) => low.indexOf(word)).filter((i) => i >= 0));
  if (!Number.isFinite(at)) return text.slice(0, 2 * AROUND);
  const start = at > AROUND ? text.indexOf(" ", at - AROUND) + 1 : 0;
  return (start ? "… " : "") + text.slice(start, at + AROUND) + (at + AROUND < text.length ? " …" : "");
}

// The text with the words marked, as nodes.
function marked(text, words) {
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return text.split(new RegExp(`(${escaped.join("|")})`, "gi")).map((part, i) => {
    if (i % 2 === 0) return document.createTextNode(part);
    const mark = document.createElement("mark");
    mark.textContent = part;
    return mark;
  });
}

function show(item, words) {
  const link = item.querySelector("a[href]");
  if (!link || item.querySelector(".search-place")) return;
  const page = link.getAttribute("href").replace(/[?#].*$/, "").replace(/\.html$/, "");
  const place = placeOf(page, words);
  if (!place) return;
  const line = document.createElement("p");
  const to = document.createElement("a");
  line.className = "search-place";
  to.href = `${page}.html#${place.anchor}`;
  to.textContent = place.heading;
  line.append(to, ": ", ...marked(around(place.text, words), words));
  item.append(line);
}

function watch() {
  const results = document.getElementById("search-results");
  const words = asked();
  if (!results || !words.length) return;
  const all = () => results.querySelectorAll("ul.search > li").forEach((item) => show(item, words));
  new MutationObserver(all).observe(results, { childList: true, subtree: true });
  all();
}

watch();
