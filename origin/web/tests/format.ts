import assert from "node:assert/strict";
import { test } from "node:test";
import { ahead, clock, folder, label, menu, percent, type Rung } from "../src/format";

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
  for (const [id, height, bitrate, text] of [
    ["audio-128k", 0, 137_211, "128 kbit/s"],
    ["video-720p", 718, 3_000_000, "720p"],
    ["level-1", 480, 1_000_000, "480p"],
    ["level-2", 0, 96_400, "96 kbit/s"],
  ] as const) {
    assert.equal(label({ id, height, bitrate }), text);
  }
  assert.equal(folder("https://cdn.example/v1/o/a/audio-64k/playlist.m3u8?token=1"), "audio-64k");
  assert.equal(folder("https://cdn.example/master.m3u8"), "");
});

test("the menu of a video ends with sound alone, that of sound rises", () => {
  const rung = (id: string, height: number, bitrate: number) => ({ id, height, bitrate });
  const sound = [rung("audio-128k", 0, 137_000), rung("audio-64k", 0, 70_000)];
  const pictures = [
    rung("video-360p", 360, 800_000),
    rung("video-1080p", 1080, 5_000_000),
    rung("video-720p", 720, 2_800_000),
  ];
  const labels = (rungs: Rung[]) => menu(rungs).map((choice) => choice.label);
  assert.deepEqual(labels(sound), ["64 kbit/s", "128 kbit/s"]);
  assert.deepEqual(labels(pictures), ["1080p", "720p", "360p"]);
  assert.deepEqual(labels([rung("audio-64k", 0, 70_000), ...pictures]), ["1080p", "720p", "360p", "Audio only"]);
  assert.deepEqual(labels([...sound, ...pictures]).slice(3), [
    "Audio only · 64 kbit/s",
    "Audio only · 128 kbit/s",
  ]);
  assert.deepEqual(menu([]), []);
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
