#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-or-later
// Bundles the page: sources and catalogs in, a folder that Cockpit serves out. Must not fetch anything.
//
//   node build.js OUT PO_FOLDER      the page
//   node build.js --test OUT         the unit tests of the model, for node --test
import esbuild from "esbuild";
import fs from "node:fs";
import path from "node:path";
import zlib from "node:zlib";
import { writeCatalogs } from "./po.js";

const here = import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname);

// PatternFly's variables name decorative pictures that this page doesn't show.
const withoutPictures = {
  name: "without-pictures",
  setup(build) {
    build.onResolve({ filter: /\.svg$/ }, args =>
      args.kind === "url-token" ? { path: args.path, namespace: "nothing" } : undefined);
    build.onLoad({ filter: /.*/, namespace: "nothing" }, () => ({ contents: "", loader: "dataurl" }));
  },
};

// PatternFly's index names every component, and esbuild keeps what the unused ones want of styles: a quarter of all. A style goes with
// the script that imports it: @used are the inputs that have come into the bundle of scripts.
const withoutUnusedStyles = used => ({
  name: "without-unused-styles",
  setup(build) {
    build.onLoad({ filter: /react-styles\/css\/.*\.css$/ }, args => {
      const script = path.relative(here, args.path).replace(/\.css$/, "");
      return [".mjs", ".js"].some(ending => used.has(script + ending)) ? undefined : { contents: "", loader: "css" };
    });
  },
});

// Cockpit serves a file that is there as .gz only as it is, which spares its bridge and the network four fifths.
function compress(file) {
  fs.writeFileSync(`${file}.gz`, zlib.gzipSync(fs.readFileSync(file), { level: 9 }));
  fs.unlinkSync(file);
}

async function buildTests(out) {
  const folder = path.join(here, "test");
  await esbuild.build({
    absWorkingDir: here,
    entryPoints: fs.readdirSync(folder).filter(name => name.endsWith(".test.ts")).map(name => path.join(folder, name)),
    outdir: out,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: "node18",
    logLevel: "warning",
  });
}

async function buildPage(out, catalogs) {
  fs.rmSync(out, { recursive: true, force: true });
  fs.mkdirSync(out, { recursive: true });
  const options = {
    absWorkingDir: here,
    entryPoints: { start: "src/start.ts", index: "src/index.tsx" },
    outdir: out,
    bundle: true,
    minify: true,
    legalComments: "linked",
    define: { "process.env.NODE_ENV": '"production"' },
    loader: { ".woff2": "file" },
    assetNames: "[name]",
    target: ["es2021"],
    plugins: [withoutPictures],
    logLevel: "warning",
  };
  const { metafile } = await esbuild.build({ ...options, write: false, metafile: true });
  const used = new Set(Object.values(metafile.outputs).flatMap(output =>
    output.entryPoint ? Object.entries(output.inputs).filter(([, input]) => input.bytesInOutput > 0).map(([name]) => name) : []));
  await esbuild.build({ ...options, plugins: [...options.plugins, withoutUnusedStyles(used)] });
  for (const name of ["index.js", "index.css"])
    compress(path.join(out, name));
  for (const name of ["index.html", "manifest.json"])
    fs.copyFileSync(path.join(here, "src", name), path.join(out, name));
  writeCatalogs(catalogs, out, path.join(here, "src"));
}

const [first, second] = process.argv.slice(2);
if (first === "--test")
  await buildTests(second);
else
  await buildPage(path.resolve(first), path.resolve(second));
