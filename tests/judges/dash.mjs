// DASH (ISO/IEC 23009-1), validated by xmllint and read by mpd-parser.
import { readFile } from 'node:fs/promises';
import { parse } from 'mpd-parser';
import { validateXML } from 'xmllint-wasm';
import { close, expect, same } from './complaints.mjs';
import { judgeMp4 } from './mp4.mjs';

/** A microsecond: times are written with six digits. */
const WRITTEN = 1e-6;

async function validate(text) {
  const schema = await readFile(new URL('mpd.xsd', import.meta.url), 'utf8');
  const { errors } = await validateXML({
    xml: [{ fileName: 'manifest.mpd', contents: text }],
    schema: [{ fileName: 'mpd.xsd', contents: schema }],
  });
  for (const { rawMessage } of errors) expect(false, rawMessage);
}

/** Seconds of an attribute of the root, as `PT1H2M3.5S`. */
function rootDuration(text, attribute) {
  const stated = new RegExp(`<MPD[^>]* ${attribute}="PT(?:(\\d+)H)?(?:(\\d+)M)?(?:([\\d.]+)S)?"`).exec(text);
  expect(stated, `manifest.mpd: no ${attribute}`);
  const [hours = 0, minutes = 0, seconds = 0] = (stated ?? []).slice(1).map((part) => Number(part ?? 0));
  return hours * 3600 + minutes * 60 + seconds;
}

function representations(manifest) {
  const groups = Object.values(manifest.mediaGroups.AUDIO).flatMap(Object.values);
  const sound = groups.flatMap((rendition) => rendition.playlists);
  const pictures = manifest.playlists.filter((playlist) => playlist.attributes.RESOLUTION);
  const all = [...pictures, ...sound];
  return new Map(all.map((playlist) => [playlist.attributes.NAME, playlist]));
}

/** What HLS does not name, because no pair needs it, is loaded as DASH names it. */
async function loadRung({ segments }, bytesOf) {
  const init = segments[0].map.resolvedUri;
  const parts = segments.map(async ({ resolvedUri: url, duration: seconds }) => {
    return { url, seconds, bytes: await bytesOf(url) };
  });
  return { initUrl: init, init: await bytesOf(init), segments: await Promise.all(parts) };
}

/** The same files as HLS names, at the times that the samples have after the edit list. */
function judgeTimeline(id, { segments }, rung, track) {
  same(`${id}: segments`, segments.length, track.times.length);
  segments.forEach((segment, index) => {
    const { time, units } = track.times[index] ?? {};
    const taken = index === 0 ? track.edit : 0;
    const start = index === 0 ? 0 : (time - track.edit) / track.timescale;
    same(`${id}: segment ${index + 1}`, segment.resolvedUri, rung.segments[index]?.url);
    same(`${id}: init segment`, segment.map.resolvedUri, rung.initUrl);
    close(`${id}: segment ${index + 1} begins`, segment.presentationTime, start, WRITTEN);
    close(`${id}: segment ${index + 1} lasts`, segment.duration, (units - taken) / track.timescale, WRITTEN);
  });
}

/** §5.3.5.2: who has `minBufferTime` of it can go on at that rate, from every segment. */
function judgeRate(id, rate, rung, buffer) {
  rung.segments.forEach((_, from) => {
    let [bits, played] = [0, 0];
    for (const segment of rung.segments.slice(from)) {
      bits += segment.bytes.length * 8;
      const arrived = rate * (buffer + played);
      expect(bits <= arrived + 8, `${id}: from segment ${from + 1} on, ${bits} bits are due when ${arrived} have come`);
      played += segment.seconds;
    }
  });
}

function judgeAttributes(id, { attributes }, track) {
  const { summary } = track;
  same(`${id}: codecs`, attributes.CODECS, summary.codec);
  const { RESOLUTION: size } = attributes;
  same(`${id}: size`, size && `${size.width}x${size.height}`, summary.size);
  if (track.frameRate) close(`${id}: frameRate`, attributes['FRAME-RATE'], track.frameRate, 1e-9);
}

/** Judges the manifest; answers the representations in it. */
export async function judgeDash(url, hls, tracks, bytesOf) {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(await bytesOf(url));
  await validate(text);
  const warn = ({ message }) => expect(false, `manifest.mpd: ${message}`);
  const found = representations(parse(text, { manifestUri: url, eventHandler: warn }));
  const buffer = rootDuration(text, 'minBufferTime');
  const [lasts, longest] = [[], []];
  for (const [id, playlist] of found) {
    const rung = hls.rungs.get(id) ?? (await loadRung(playlist, bytesOf));
    const track = tracks.get(id) ?? judgeMp4(id, rung);
    judgeTimeline(id, playlist, rung, track);
    judgeAttributes(id, playlist, track);
    judgeRate(id, playlist.attributes.BANDWIDTH, rung, buffer);
    lasts.push(track.summary.seconds);
    longest.push(...playlist.segments.map((segment) => segment.duration));
  }
  const missing = [...hls.rungs.keys()].filter((id) => !found.has(id));
  same('rungs that HLS has and DASH has not', missing.join(), '');
  close('mediaPresentationDuration', rootDuration(text, 'mediaPresentationDuration'), Math.max(...lasts), WRITTEN);
  const bound = rootDuration(text, 'maxSegmentDuration');
  const most = Math.max(...longest);
  expect(most <= bound + WRITTEN, `a segment lasts ${most} s, maxSegmentDuration is ${bound} s`);
  return [...found.keys()];
}
