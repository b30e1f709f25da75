// MPEG transport streams (ISO/IEC 13818-1), read by mux.js.
import { close, expect, same } from './complaints.mjs';
import mux from 'mux.js';
import probe from 'mux.js/lib/m2ts/probe.js';

const PACKET = 188;
/** Units of presentation times a second. */
const CLOCK = 90_000;
/** Samples of an AAC frame. */
const FRAME = 1024;

/** The frames of a segment, by a reader that sees nothing but it. */
function framesOf(name, bytes) {
  const { TransportPacketStream, TransportParseStream, ElementaryStream } = mux.mp2t;
  const kinds = [TransportPacketStream, TransportParseStream, ElementaryStream, mux.codecs.Adts];
  const stages = kinds.map((Kind) => new Kind());
  stages.reduce((from, to) => from.pipe(to));
  const frames = [];
  for (const stage of stages) {
    stage.on('log', ({ message }) => expect(false, `${name}: ${message}`));
  }
  stages.at(-1).on('data', (frame) => frames.push(frame));
  stages[0].push(bytes);
  stages[0].flush();
  return frames;
}

const pidOf = (packet) => ((packet[1] & 0x1f) << 8) | packet[2];

/** The clock reference of a packet in units of 90 kHz (§2.4.3.5), if it has one. */
function clockOf(packet) {
  const has = packet[3] & 0x20 && packet[4] > 0 && packet[5] & 0x10;
  return has ? packet.slice(6, 10).reduce((sum, byte) => sum * 256 + byte, 0) * 2 + (packet[10] >> 7) : undefined;
}

/** Clock references come at least every 100 ms (§2.7.2), and before what they belong to. */
function judgeClock(url, bytes) {
  let last;
  for (let at = 0; at < bytes.length; at += PACKET) {
    const packet = bytes.subarray(at, at + PACKET);
    const clock = clockOf(packet);
    if (clock === undefined) continue;
    const step = (clock - (last ?? clock)) / CLOCK;
    expect(step >= 0 && step <= 0.1, `${url}: ${step} s between clock references at ${at}`);
    const time = probe.parsePayloadUnitStartIndicator(packet) && probe.parsePesTime(packet);
    expect(!time || time.pts >= clock, `${url}: ${time?.pts} is presented at ${clock}`);
    last = clock;
  }
  expect(last !== undefined, `${url}: no clock references`);
}

/** Whole packets, each counted within its stream; PAT and PMT first (RFC 8216 §3.2). */
function judgePackets(url, bytes, counters) {
  same(`${url}: bytes behind the last packet`, bytes.length % PACKET, 0);
  for (let at = 0; at < bytes.length; at += PACKET) {
    const packet = bytes.subarray(at, at + PACKET);
    same(`${url}: sync byte at ${at}`, packet[0], 0x47);
    const [pid, counter] = [pidOf(packet), packet[3] & 0x0f];
    if (at === 0) same(`${url}: first packet, PAT`, pid, 0);
    if (counters.has(pid)) same(`${url}: counter of ${pid} at ${at}`, counter, (counters.get(pid) + 1) % 16);
    counters.set(pid, counter);
  }
  const [pat, pmt] = [bytes.subarray(0, PACKET), bytes.subarray(PACKET, 2 * PACKET)];
  same(`${url}: second packet, PMT`, pidOf(pmt), probe.parsePat(pat));
  const streams = Object.values(probe.parsePmt(pmt) ?? {});
  same(`${url}: streams`, streams.join(), `${mux.mp2t.ADTS_STREAM_TYPE}`);
}

/** Judges one rung; answers what it is. */
export function judgeTransport(name, rung) {
  const counters = new Map();
  let count = 0;
  let first;
  let channels;
  for (const { url, bytes, seconds } of rung.segments) {
    judgePackets(url, bytes, counters);
    judgeClock(url, bytes);
    const inspected = mux.mp2t.tools.inspect(bytes);
    expect(inspected?.audio?.length === 2, `${url}: no presentation times`);
    const frames = framesOf(url, bytes);
    expect(frames.length > 0, `${url} has no frames`);
    first ??= frames[0].pts;
    frames.forEach((frame, index) => {
      const due = first + ((count + index) * FRAME * CLOCK) / frame.samplerate;
      close(`${url}: time of frame ${index}`, frame.pts, due, 1);
      same(`${url}: sampling rate`, frame.samplerate, 48_000);
      channels ??= frame.channelcount;
      same(`${url}: channels`, frame.channelcount, channels);
    });
    count += frames.length;
    close(`${url}: EXTINF`, seconds, (frames.length * FRAME) / 48_000, 1e-5 + FRAME / 48_000);
  }
  return { summary: { codec: 'mp4a.40.2', frames: count, channels } };
}
