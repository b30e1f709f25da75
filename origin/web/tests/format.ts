import assert from "node:assert/strict";
import { test } from "node:test";
import { ahead, clock, folder, label, percent } from "../src/format";

test("lengths for people", () => {
  for (const [seconds, text] of [
    [0, "0:00"],
    [59.9, "0:59"],
    [204, "3:24"],
    [3723, "1:02:03"],
    [Number.NaN, "–:––"],
    [Number.POSITIVE_INFINITY, "–:––"],
    [-1, "–:––"],
  ] as const) {
    assert.equal(clock(seconds), text);
  }
});

test("a rung is called what its folder says, else what the playlist says", () => {
  for (const [url, height, bitrate, text] of [
    ["https://cdn.example/v1/o/a/j/p/audio-128k/playlist.m3u8", 0, 137_211, "128 kbit/s"],
    ["https://cdn.example/x/video-720p/playlist.m3u8?token=1", 718, 3_000_000, "720p"],
    ["https://cdn.example/other/playlist.m3u8", 480, 1_000_000, "480p"],
    ["https://cdn.example/plain.m3u8", 0, 96_400, "96 kbit/s"],
  ] as const) {
    assert.equal(label({ url, height, bitrate }), text);
  }
  assert.equal(folder("https://cdn.example/v1/o/a/audio-64k/playlist.m3u8"), "audio-64k");
  assert.equal(folder("https://cdn.example/master.m3u8"), "");
});

test("what is buffered ahead ends at the first gap", () => {
  const ranges = [[0, 6], [6.5, 12]] as const;
  for (const [position, seconds] of [
    [0, 6],
    [4, 2],
    [6.05, 0],
    [6.3, 0],
    [6.45, 5.55],
    [20, 0],
  ] as const) {
    assert.ok(Math.abs(ahead(ranges, position) - seconds) < 1e-9, `at ${position}`);
  }
});

test("a share stays between nothing and all", () => {
  for (const [part, whole, share] of [[1, 4, 25], [5, 4, 100], [-1, 4, 0], [1, 0, 0], [1, Number.NaN, 0]] as const) {
    assert.equal(percent(part, whole), share);
  }
});
