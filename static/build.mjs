/* Builds static/src into static/dist: app.css, app.js, charts.js, icons.svg and the fonts.

   node static/build.mjs            once
   node static/build.mjs --watch    again on each change of a source or template */
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, watch, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
const source = join(here, "src");
const target = join(here, "dist");
const modules = join(root, "node_modules");

const SKIPPED = new Set(["node_modules", "static", "tests", "docs", "var", "bench", "migrations"]);

function* files(folder, ending) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name.startsWith(".") || SKIPPED.has(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path, ending);
    else if (ending.test(entry.name)) yield path;
  }
}

/* The icons that templates, Python and scripts name: {% icon "link" %}, {% tag "Final" "good" "lock" %}, icon="link", icon("x"). */
const NAMED = [
  /\{%-?\s*icon\s+"([a-z][a-z0-9-]*)"/g,
  /\{%-?\s*tag\s+(?:"[^"]*"|[^\s"]+)\s+"[a-z]*"\s+"([a-z][a-z0-9-]*)"/g,
  /\b_?icon\s*[=:]\s*"([a-z][a-z0-9-]*)"/g,
  /\b_?icon\("([a-z][a-z0-9-]*)"/g,
  /\bICON\s*=\s*"([a-z][a-z0-9-]*)"/g,
];

function iconsInUse() {
  const found = new Map();
  for (const path of [...files(root, /\.(html|py)$/), ...files(source, /\.js$/)]) {
    const text = readFileSync(path, "utf8");
    for (const shape of NAMED) for (const [, name] of text.matchAll(shape)) found.set(name, path);
  }
  return found;
}

function sprite() {
  const symbols = [], unknown = [];
  for (const [name, path] of [...iconsInUse()].sort()) {
    const file = join(modules, "@tabler/icons/icons/outline", `${name}.svg`);
    if (!existsSync(file)) {
      unknown.push(`${relative(root, path)}: no icon is called "${name}"`);
      continue;
    }
    const shapes = readFileSync(file, "utf8").replace(/[\s\S]*?<svg[^>]*>/, "").replace(/<\/svg>\s*$/, "")
      .replace(/<path stroke="none"[^>]*>/, "").replace(/\s*\n\s*/g, "").trim();
    symbols.push(`<symbol id="i-${name}" viewBox="0 0 24 24" stroke-linecap="round" stroke-linejoin="round">${shapes}</symbol>`);
  }
  if (unknown.length) throw new Error(unknown.join("\n"));
  writeFileSync(join(target, "icons.svg"), `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`);
  return symbols.length;
}

/* Only the Latin subsets of a font: what the product's own words need. Other scripts fall back to the system's font. */
function fontFaces(family) {
  const folder = join(modules, "@fontsource-variable", family);
  const faces = readFileSync(join(folder, "index.css"), "utf8").match(/@font-face\s*{[^}]*}/g) ?? [];
  const latin = faces.filter((face) => /-latin(-ext)?-wght-normal\.woff2/.test(face));
  if (latin.length !== 2) throw new Error(`${family}: expected a Latin and a Latin Extended face, found ${latin.length}`);
  return latin.map((face) => face.replaceAll("./files/", `${folder}/files/`)).join("\n");
}

/* Every word that could be a class: of templates, of Python (widgets, tags) and of scripts. */
function wordsInUse() {
  const words = new Set();
  for (const path of [...files(root, /\.(html|py)$/), ...files(source, /\.js$/)])
    for (const [word] of readFileSync(path, "utf8").matchAll(/[a-z][\w-]*/gi)) words.add(word);
  return words;
}

/* Take out the rules whose classes nobody writes: Tabler has many times the rules that these pages use. */
function purged(css, words) {
  let kept = "";
  for (let at = 0, open; (open = css.indexOf("{", at)) >= 0; ) {
    const head = css.slice(at, open).replace(/^\s*@charset[^;]*;/, "").trim();
    let depth = 1;
    for (at = open + 1; depth; at++) depth += { "{": 1, "}": -1 }[css[at]] ?? 0;
    const body = css.slice(open + 1, at - 1);
    if (head.startsWith("@media")) {
      const inside = purged(body, words);
      if (inside) kept += `${head}{${inside}}`;
    } else if (head.startsWith("@")) kept += `${head}{${body}}`;
    else {
      const selectors = inList(head).filter((selector) => wanted(selector, words));
      if (selectors.length) kept += `${selectors.join()}{${body}}`;
    }
  }
  return kept;
}

/* The selectors of a list; a comma inside brackets is not between two. */
function inList(list) {
  const found = [""];
  let depth = 0;
  for (const sign of list) {
    depth += { "(": 1, "[": 1, ")": -1, "]": -1 }[sign] ?? 0;
    if (sign === "," && !depth) found.push("");
    else found[found.length - 1] += sign;
  }
  return found;
}

/* What stands in brackets (:not(.x), [data-x]) is no reason to leave a rule out. */
function wanted(selector, words) {
  let said = "", depth = 0;
  for (const sign of selector) {
    if ("([".includes(sign)) depth++;
    if (!depth) said += sign;
    if (")]".includes(sign)) depth--;
  }
  return [...said.matchAll(/\.((?:\\.|[\w-])+)/g)].every(([, name]) => words.has(name.replaceAll("\\", "")));
}

async function styles() {
  const tabler = readFileSync(join(modules, "@tabler/core/dist/css/tabler.min.css"), "utf8").replace(/\/\*[\s\S]*?\*\//g, "");
  const own = ["product.css", "feed.css", "saved.css", "funnel.css"].map((name) => readFileSync(join(source, name), "utf8"));
  await build({
    stdin: {
      contents: [purged(tabler, wordsInUse()), ...own, fontFaces("inter"), fontFaces("jetbrains-mono")].join("\n"),
      loader: "css", resolveDir: source,
    },
    outfile: join(target, "app.css"), bundle: true, minify: true, legalComments: "none", target: "es2022",
    loader: { ".woff2": "file" }, assetNames: "fonts/[name]",
  });
}

async function scripts() {
  await build({
    entryPoints: { app: join(source, "app.js"), charts: join(source, "charts.js") },
    outdir: target, bundle: true, minify: true, format: "iife", target: "es2022", legalComments: "none",
  });
}

async function all() {
  const start = performance.now();
  mkdirSync(target, { recursive: true });
  const count = sprite();
  await Promise.all([styles(), scripts()]);
  cpSync(join(source, "favicon.svg"), join(target, "favicon.svg"));
  writeFileSync(join(target, "LICENSES.txt"), licenses());
  console.log(`static/dist: app.css, app.js, charts.js, ${count} icons, in ${Math.round(performance.now() - start)} ms`);
}

/* The bundles leave comments out; the licences they carried are kept beside them. */
function licenses() {
  return ["@tabler/core", "@tabler/icons", "echarts", "zrender", "@fontsource-variable/inter", "@fontsource-variable/jetbrains-mono"]
    .map((name) => {
      const folder = join(modules, name);
      const texts = readdirSync(folder).filter((file) => /^(licen[cs]e|notice)(\.\w+)?$/i.test(file) && statSync(join(folder, file)).isFile()).map((file) => readFileSync(join(folder, file), "utf8").trim());
      const { license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      return `${name} (${license})\n\n${texts.join("\n\n")}\n`;
    }).join(`\n${"-".repeat(80)}\n\n`);
}

if (!process.argv.includes("--watch")) {
  await all();
} else {
  let waiting;
  const again = () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => all().catch((error) => console.error(error.message)), 80);
  };
  await all().catch((error) => console.error(error.message));
  watch(root, { recursive: true }, (_, name) => /^(?!static\/dist|node_modules|\.|var).*\.(css|js|html|py)$/.test(name ?? "") && again());
}
