import assert from "node:assert/strict";
import { test } from "node:test";
import { at, tile } from "../src/storyboard";

const BASE = "https://cdn.example/v1/music/film/adaptive/storyboard.vtt";

test("a cue names a part of a picture, where the storyboard lies", () => {
  assert.deepEqual(tile("../../../o/a/j/p/storyboard/00002.jpg#xywh=160,90,160,88\n", BASE), {
    url: "https://cdn.example/v1/o/a/j/p/storyboard/00002.jpg",
    x: 160,
    y: 90,
    width: 160,
    height: 88,
  });
  assert.equal(tile("s.jpg#xywh=pixel:0,0,8,9", BASE)?.height, 9);
});

test("what is no tile is none", () => {
  for (const text of [
    "",
    "storyboard/00001.jpg",
    "s.jpg#xywh=1,2,3",
    "s.jpg#xywh=0,0,0,90",
    "s.jpg#xywh=percent:0,0,50,50",
    "two words.jpg#xywh=0,0,1,1",
    "http://[#xywh=0,0,1,1",
    '"); x: url("y#xywh=0,0,1,1 ',
  ]) {
    assert.equal(tile(text, BASE), undefined, text);
  }
  assert.ok(!tile('a.jpg")#xywh=0,0,1,1', BASE)?.url.includes('"'), "an address is quoted as it is");
});

test("a time shows the moment that has begun", () => {
  const moments = [0, 5, 10].map((start) => ({ start, tile: { url: `${start}`, x: 0, y: 0, width: 1, height: 1 } }));
  for (const [seconds, url] of [[-1, "0"], [0, "0"], [4.9, "0"], [5, "5"], [99, "10"]] as const) {
    assert.equal(at(moments, seconds)?.url, url, `at ${seconds}`);
  }
  assert.equal(at([], 3), undefined);
});
