// Bundles page.js and the two packages that it uses into ../_static/play.js, with their licences on top.
// `node build.mjs` writes it and SHA256SUMS; `node build.mjs --print` prints the bundle and writes nothing.
import { build, version } from "esbuild";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const BUNDLE = "../_static/play.js";

// The licence of every package whose code is in the bundle.
function licences(inputs) {
  const names = new Set(Object.keys(inputs).flatMap((path) => path.match(/node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1] ?? []));
  return [...names].sort().map((name) => {
    const folder = join(here, "node_modules", name);
    const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const text = readFileSync(join(folder, readdirSync(folder).find((file) => /^licen[cs]e/i.test(file))), "utf8");
    return `${name} ${about.version} (${about.license})\n\n${text.trim()}`;
  });
}

async function bundle(banner) {
  return build({
    absWorkingDir: here,
    entryPoints: ["page.js"],
    bundle: true,
    minify: true,
    format: "iife",
    globalName: "distil",
    target: "es2020",
    charset: "utf8",
    legalComments: "none",
    metafile: true,
    write: false,
    outfile: BUNDLE,
    banner: { js: banner },
    logLevel: "warning",
  });
}

const plain = await bundle("");
const parts = Object.values(plain.metafile.outputs)[0].inputs;
const used = Object.fromEntries(Object.entries(parts).filter(([, part]) => part.bytesInOutput > 0));
const head = [
  `The page "Distil in your browser" of distill-lib (Apache-2.0): made of book/play by esbuild ${version}, not written by hand.`,
  "It contains:",
  ...licences(used),
].join("\n\n");
const made = (await bundle(`/*!\n${head}\n*/`)).outputFiles[0].contents;

if (process.argv.includes("--print")) process.stdout.write(made);
else {
  writeFileSync(join(here, BUNDLE), made);
  const sources = readdirSync(here).filter((name) => /\.(m?js|json)$/.test(name) && name !== "mnist.json");
  const lines = [...sources.sort(), BUNDLE].map((name) => {
    const sum = createHash("sha256").update(readFileSync(join(here, name))).digest("hex");
    return `${sum}  ${name}\n`;
  });
  writeFileSync(join(here, "SHA256SUMS"), lines.join(""));
  console.log(`${BUNDLE}: ${made.length} bytes`);
}
