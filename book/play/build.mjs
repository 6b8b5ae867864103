// Bundles page.js and live/page.js, with the packages that they use, into ../_static/play.js and live.js, licences on top.
// `node build.mjs` writes them and SHA256SUMS; `node build.mjs --print play` prints a bundle and writes nothing.
import { build, version } from "esbuild";
import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const BUNDLES = {
  play: { entry: "page.js", name: "distil", title: 'The page "Distil in your browser"' },
  live: { entry: "live/page.js", name: "live", title: "The live figures" },
};
const outfile = (bundle) => `../_static/${bundle}.js`;

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

async function bundled(bundle, banner) {
  const { entry, name } = BUNDLES[bundle];
  return build({
    absWorkingDir: here,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: "iife",
    globalName: name,
    target: "es2020",
    charset: "utf8",
    legalComments: "none",
    metafile: true,
    write: false,
    outfile: outfile(bundle),
    banner: { js: banner },
    logLevel: "warning",
  });
}

// The bytes of a bundle.
async function made(bundle) {
  const plain = await bundled(bundle, "");
  const parts = Object.values(plain.metafile.outputs)[0].inputs;
  const used = Object.fromEntries(Object.entries(parts).filter(([, part]) => part.bytesInOutput > 0));
  const head = [
    `${BUNDLES[bundle].title} of distill-lib (Apache-2.0): made of book/play by esbuild ${version}, not written by hand.`,
    "It contains:",
    ...licences(used),
  ].join("\n\n");
  return (await bundled(bundle, `/*!\n${head}\n*/`)).outputFiles[0].contents;
}

const [flag, wanted] = process.argv.slice(2);
if (flag === "--print") process.stdout.write(await made(wanted));
else {
  const listed = ["", "live/"].flatMap((folder) => readdirSync(join(here, folder)).map((name) => `${folder}${name}`));
  const sources = listed.filter((name) => /\.(m?js|json)$/.test(name) && !["mnist.json", "digits.json"].includes(name));
  for (const bundle of Object.keys(BUNDLES)) {
    const bytes = await made(bundle);
    writeFileSync(join(here, outfile(bundle)), bytes);
    console.log(`${outfile(bundle)}: ${bytes.length} bytes`);
  }
  const lines = [...sources.sort(), ...Object.keys(BUNDLES).map(outfile)].map((name) => {
    const sum = createHash("sha256").update(readFileSync(join(here, name))).digest("hex");
    return `${sum}  ${name}\n`;
  });
  writeFileSync(join(here, "SHA256SUMS"), lines.join(""));
}
