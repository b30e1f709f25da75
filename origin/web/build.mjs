// Bundles the watch page into dist/, each file named by its content.
import { build } from "esbuild";
import { rm } from "node:fs/promises";

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
  banner: {
    js: "/* includes hls.js, Apache-2.0, https://github.com/video-dev/hls.js, or dash.js, BSD-3-Clause, https://github.com/Dash-Industry-Forum/dash.js */",
  },
  logLevel: "warning",
});
