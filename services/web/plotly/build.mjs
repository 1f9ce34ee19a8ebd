// Makes plotly-parts.min.js of parts.js, and beside it says of what: node_modules/<package>/ with the
// description and the licence of each package that is in it. The argument is the folder for both.
import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const OUT = process.argv[2];
const PACKAGE = /^.*?node_modules\/(?:@[^/]+\/)?[^/]+/;
const KEPT = /^(package\.json|licen[cs]e.*|copying.*|notice.*)$/i;

const { metafile } = await build({
  entryPoints: [join(dirname(fileURLToPath(import.meta.url)), "parts.js")],
  outfile: join(OUT, "plotly-parts.min.js"),
  bundle: true,
  minify: true,
  metafile: true,
  format: "iife",
  globalName: "Plotly",
  target: "es2020",
  define: { global: "window" },
  // That of maps, which no part of ours draws.
  loader: { ".css": "empty" },
  // Has Chromium compile all of it beside the main thread while it arrives: 20 instead of 150 ms of the
  // page's own. Others take it for a comment. Ref: https://v8.dev/features/explicit-compile-hints
  banner: { js: "//# allFunctionsCalledOnLoad" },
  logLevel: "warning",
});

const files = Object.keys(metafile.inputs).filter((path) => !path.endsWith(".css"));
const packages = new Set(files.flatMap((path) => PACKAGE.exec(path)?.slice(0, 1) ?? []));
for (const folder of packages) {
  const to = join(OUT, folder.slice(folder.indexOf("node_modules/")));
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(folder)) if (KEPT.test(name)) cpSync(join(folder, name), join(to, name));
}
