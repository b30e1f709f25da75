// Holds a presentation against programs of others, and what each of them reads against what
// the others read.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { judgeDash } from './dash.mjs';
import { judgeHls } from './hls.mjs';
import { judgeMp4 } from './mp4.mjs';
import { judgeTransport } from './ts.mjs';
import { complaints, expect } from './complaints.mjs';

const [where] = process.argv.slice(2);
const base = existsSync(where) ? pathToFileURL(`${where}/`).href : where.replace(/\/*$/, '/');

const bytesOf = async (url) => {
  if (url.startsWith('file:')) return new Uint8Array(await readFile(new URL(url)));
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`GET ${url}: ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
};

const hls = await judgeHls(`${base}master.m3u8`, bytesOf);
const fragmented = [...hls.rungs.values()].every((rung) => rung.init);
const tracks = new Map();
for (const [name, rung] of hls.rungs) {
  tracks.set(name, fragmented ? judgeMp4(name, rung) : judgeTransport(name, rung));
}
let dash = [];
if (fragmented) {
  dash = await judgeDash(`${base}manifest.mpd`, hls, tracks, bytesOf);
  hls.agreesWith(tracks);
}
const mixed = !fragmented && [...hls.rungs.values()].some((rung) => rung.init);
expect(!mixed, 'some rungs have an init segment, others none');

for (const complaint of complaints) console.error(complaint);
const found = {
  hls: [...hls.rungs.keys()].sort(),
  dash: dash.sort(),
  [fragmented ? 'mp4' : 'ts']: Object.fromEntries(
    [...tracks].map(([name, track]) => [name, track.summary]),
  ),
};
console.log(JSON.stringify(found));
process.exitCode = complaints.length === 0 ? 0 : 1;
