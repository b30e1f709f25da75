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
  target: ["chrome100", "firefox100", "safari15.4"],
  banner: { js: "/* includes hls.js, Apache-2.0, https://github.com/video-dev/hls.js */" },
  logLevel: "warning",
});
