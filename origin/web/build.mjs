// Bundles the watch page into dist/, each file named by its content.
import { build } from "esbuild";
import { readFile, readdir, rm, writeFile } from "node:fs/promises";

await rm("dist", { recursive: true, force: true });
await build({
  entryPoints: ["src/player.ts", "src/style.css", "src/icon.svg"],
  outdir: "dist",
  entryNames: "[name]-[hash]",
  loader: { ".svg": "copy" },
  bundle: true,
  minify: true,
  format: "esm",
  // What is imported on request is a file of its own.
  splitting: true,
  chunkNames: "[name]-[hash]",
  target: ["chrome100", "firefox100", "safari15.4"],
  banner: { js: "/* hls.js: Apache-2.0, https://github.com/video-dev/hls.js; dash.js: BSD-3-Clause */" },
  logLevel: "warning",
});

// The terms of dash.js want to be where it is.
const dash = "node_modules/dashjs";
const terms = await Promise.all(
  [`${dash}/LICENSE.md`, `${dash}/dist/modern/esm/dash.all.min.js.LICENSE.txt`].map((file) => readFile(file, "utf8")),
);
for (const file of (await readdir("dist")).filter((name) => name.startsWith("dash-"))) {
  const code = await readFile(`dist/${file}`, "utf8");
  await writeFile(`dist/${file}`, `/*\n${terms.join("\n").replaceAll("*/", "")}\n*/\n${code}`);
}
