// Fragmented MP4 (ISO/IEC 14496-12), read by mp4box.js.
import { createFile } from 'mp4box';
import { close, expect, same } from './complaints.mjs';

/** What the encoder of AAC puts before the sound. */
const PRIMING = 1024;

/** Reads the parts of a rung one behind the other; whatever the reader says is a complaint. */
function read(name, parts) {
  const file = createFile();
  const spoken = ['warn', 'error'].map((level) => [level, console[level]]);
  for (const [level] of spoken) console[level] = (...words) => expect(false, `${name}: ${words.join(' ')}`);
  file.onError = (module, message) => expect(false, `${name}: ${module}: ${message}`);
  let fileStart = 0;
  const starts = [];
  for (const part of parts) {
    const buffer = part.slice().buffer;
    buffer.fileStart = fileStart;
    starts.push(fileStart);
    fileStart += part.length;
    file.appendBuffer(buffer);
  }
  file.flush();
  for (const [level, speak] of spoken) console[level] = speak;
  return { file, starts, end: fileStart };
}

/** Every byte belongs to a box that the reader knows and has read to its end. */
function judgeBoxes(name, file, end) {
  const visit = (box, path) => {
    const here = `${path}/${box.type}`;
    expect(!box.has_unparsed_data, `${name}: ${here} has bytes that say nothing`);
    for (const child of box.boxes ?? []) visit(child, here);
  };
  for (const box of file.boxes) visit(box, name);
  const kinds = file.boxes.map((box) => box.type).join(' ');
  expect(/^ftyp moov( (styp )?moof mdat)+$/.test(kinds), `${name}: the boxes are ${kinds}`);
  same(`${name}: bytes in boxes`, file.boxes.reduce((sum, box) => sum + box.size, 0), end);
  const moofs = file.boxes.filter((box) => box.type === 'moof');
  const numbers = moofs.map(({ boxes }) => boxes.find((box) => box.type === 'mfhd').sequence_number);
  expect(numbers.every((number, index) => number === index + 1), `${name}: fragments are numbered ${numbers}`);
  const tables = file.moov.traks[0].mdia.minf.stbl.boxes.filter((box) => ['stts', 'stsc', 'stco'].includes(box.type));
  same(`${name}: empty sample tables`, tables.length, 3);
}

function judgeTimes(name, samples, { sound, edit }) {
  let time = 0;
  for (const sample of samples) {
    same(`${name}: decode time of sample ${sample.number}`, sample.dts, time);
    time += sample.duration;
  }
  const step = samples[0].duration;
  const regular = sound ? samples.slice(0, -1) : samples;
  const odd = regular.find((sample) => sample.duration !== step);
  expect(!odd, `${name}: sample ${odd?.number} lasts ${odd?.duration}, others ${step}`);
  const composed = samples.map((sample) => sample.cts).sort((one, other) => one - other);
  const gap = composed.findIndex((time, index) => time !== index * step);
  same(`${name}: a gap in the pictures at`, gap, -1);
  same(`${name}: what the edit list leaves out`, edit, sound ? PRIMING : 0);
}

/** The samples of each segment: it begins with one that can be decoded alone. */
function judgeSegments(name, rung, samples, starts) {
  const cuts = [];
  rung.segments.forEach((segment, index) => {
    const [from, to] = [starts[index + 1], starts[index + 2] ?? Infinity];
    const inside = samples.filter(({ offset }) => offset >= from && offset < to);
    expect(inside.length > 0, `${segment.url} is empty`);
    if (inside.length === 0) return;
    expect(inside[0].is_sync, `${segment.url} begins with a picture that depends on others`);
    same(`${segment.url}: the first picture seen`, Math.min(...inside.map((sample) => sample.cts)), inside[0].cts);
    const units = inside.reduce((sum, sample) => sum + sample.duration, 0);
    cuts.push({ time: inside[0].dts, units });
  });
  return cuts;
}

/** Judges one rung; answers what it is. */
export function judgeMp4(name, rung) {
  const parts = [rung.init, ...rung.segments.map((segment) => segment.bytes)];
  const { file, starts, end } = read(name, parts);
  judgeBoxes(name, file, end);
  const info = file.getInfo();
  same(`${name}: tracks`, info.tracks.length, 1);
  const [track] = info.tracks;
  expect(info.isFragmented && info.brands.includes('iso6'), `${name}: brands ${info.brands}`);
  same(`${name}: edits`, track.edits?.length, 1);
  const edit = track.edits?.[0]?.media_time;
  const samples = file.getTrackSamplesInfo(track.id);
  const sound = track.type === 'audio';
  judgeTimes(name, samples, { sound, edit });
  const times = judgeSegments(name, rung, samples, starts);
  times.forEach(({ time, units }, index) => {
    const seconds = (units - (index === 0 ? edit : 0)) / track.timescale;
    close(`${rung.segments[index].url}: EXTINF`, rung.segments[index].seconds, seconds, 1e-5);
  });
  const units = samples.reduce((sum, sample) => sum + sample.duration, 0) - edit;
  return {
    timescale: track.timescale,
    edit,
    times,
    cuts: times.map(({ time }) => time / track.timescale),
    frameRate: sound ? undefined : track.timescale / samples[0].duration,
    summary: {
      codec: track.codec,
      seconds: units / track.timescale,
      samples: samples.length,
      ...(sound ? {} : { size: `${track.video.width}x${track.video.height}` }),
    },
  };
}
