import assert from "node:assert/strict";
import { test } from "node:test";
import { bars, peaks } from "../src/waveform";

test("peaks are bytes of version 1, anything else is none", () => {
  const document = { version: 1, samplesPerPeak: 480, sampleRateHertz: 48_000, peaks: [0, 128, 255] };
  assert.deepEqual(peaks(document), [0, 128, 255]);
  for (const other of [
    undefined,
    null,
    7,
    [],
    {},
    { ...document, version: 2 },
    { ...document, peaks: [] },
    { ...document, peaks: "loud" },
    { ...document, peaks: [1, -1] },
    { ...document, peaks: [256] },
    { ...document, peaks: [1, null] },
  ]) {
    assert.equal(peaks(other), undefined);
  }
});

test("a bar is its highest peak, and the loudest fills the height", () => {
  assert.deepEqual(bars([10, 50, 100, 0], 2), [0.5, 1]);
  assert.deepEqual(bars([100, 50], 4), [1, 1, 0.5, 0.5]);
  assert.deepEqual(bars([0, 0], 2), [0, 0], "silence stays flat");
  assert.deepEqual(bars([1], 0), []);
  assert.equal(bars(Array.from({ length: 1_000_000 }, () => 255), 120).length, 120);
});
