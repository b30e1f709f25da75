// HLS (RFC 8216), read by m3u8-parser.
import { Parser } from 'm3u8-parser';
import { close, expect, same } from './complaints.mjs';

/** What rates may differ by: they are rounded up. */
const ROUNDED = 1.5;

function parse(url, bytes) {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  const parser = new Parser();
  parser.on('warn', ({ message }) => expect(false, `${url}: ${message}`));
  parser.push(text);
  parser.end();
  expect(text.startsWith('#EXTM3U\n#EXT-X-VERSION:7\n'), `${url}: no version 7`);
  expect(parser.manifest.independentSegments, `${url}: segments depend on each other`);
  return parser.manifest;
}

const folder = (uri) => uri.split('/').at(-2);

async function loadRung(url, bytesOf) {
  const playlist = parse(url, await bytesOf(url));
  same(`${url}: EXT-X-PLAYLIST-TYPE`, playlist.playlistType, 'VOD');
  expect(playlist.endList, `${url}: no EXT-X-ENDLIST`);
  same(`${url}: discontinuities`, playlist.discontinuityStarts.length, 0);
  const segments = [];
  for (const { uri, duration, map } of playlist.segments) {
    const segment = new URL(uri, url).href;
    same(`${url}: the init segment of ${uri}`, map?.uri, playlist.segments[0].map?.uri);
    segments.push({ url: segment, seconds: duration, bytes: await bytesOf(segment) });
  }
  const map = playlist.segments[0].map;
  const initUrl = map && new URL(map.uri, url).href;
  return {
    url,
    target: playlist.targetDuration,
    segments,
    initUrl,
    init: initUrl && (await bytesOf(initUrl)),
  };
}

const rate = (run) => {
  const bytes = run.reduce((sum, segment) => sum + segment.bytes.length, 0);
  return (bytes * 8) / run.reduce((sum, segment) => sum + segment.seconds, 0);
};

/** The largest rate of runs that last 0.5 to 1.5 target durations (§4.3.4.2). */
function peak({ segments, target }) {
  const runs = segments.flatMap((_, from) =>
    segments.slice(from).map((_, more) => segments.slice(from, from + more + 1)),
  );
  const fits = runs.filter((run) => {
    const seconds = run.reduce((sum, segment) => sum + segment.seconds, 0);
    return seconds >= target / 2 && seconds <= target * 1.5;
  });
  return fits.length > 0 ? Math.max(...fits.map(rate)) : rate(segments);
}

function judgeVariant({ uri, attributes }, { rungs, groups, used }) {
  const parts = [rungs.get(folder(uri))];
  if (attributes.AUDIO) {
    const group = groups.get(attributes.AUDIO);
    expect(group, `${uri}: there is no group ${attributes.AUDIO}`);
    used.add(attributes.AUDIO);
    if (group && group !== folder(uri)) parts.push(rungs.get(group));
  }
  const total = (of) => parts.reduce((sum, part) => sum + of(part), 0);
  const tolerance = ROUNDED * parts.length;
  close(`${uri}: BANDWIDTH`, attributes.BANDWIDTH, total(peak), tolerance);
  const average = total((part) => rate(part.segments));
  close(`${uri}: AVERAGE-BANDWIDTH`, attributes['AVERAGE-BANDWIDTH'], average, tolerance);
  same(`${uri}: codecs`, attributes.CODECS?.split(',').length, parts.length);
  if (attributes.RESOLUTION) {
    same(`${uri}: VIDEO-RANGE`, attributes['VIDEO-RANGE'], 'SDR');
    same(`${uri}: CLOSED-CAPTIONS`, attributes['CLOSED-CAPTIONS'], 'NONE');
  }
  return parts;
}

/** Sound that is heard with pictures: one default rendition a group. */
function groupsOf(master) {
  const groups = new Map();
  for (const [name, renditions] of Object.entries(master.mediaGroups.AUDIO)) {
    const all = Object.values(renditions);
    same(`renditions of the group ${name}`, all.length, 1);
    expect(all[0].default && all[0].autoselect, `${name} is not chosen by itself`);
    groups.set(name, folder(all[0].uri));
  }
  return groups;
}

/** Loads all that is named, and judges it. */
export async function judgeHls(url, bytesOf) {
  const master = parse(url, await bytesOf(url));
  const groups = groupsOf(master);
  const uris = master.playlists.map((variant) => variant.uri);
  for (const renditions of Object.values(master.mediaGroups.AUDIO)) {
    uris.push(...Object.values(renditions).map((rendition) => rendition.uri));
  }
  const rungs = new Map();
  for (const uri of new Set(uris)) {
    expect(!/^(\/|[a-z]+:)/.test(uri), `${uri} is not relative`);
    rungs.set(folder(uri), await loadRung(new URL(uri, url).href, bytesOf));
  }
  const all = [...rungs.values()].flatMap((rung) => rung.segments);
  const target = Math.max(1, ...all.map((segment) => Math.round(segment.seconds)));
  for (const rung of rungs.values()) same(`${rung.url}: target duration`, rung.target, target);
  const used = new Set();
  const variants = master.playlists.map((variant) => ({
    ...variant,
    parts: judgeVariant(variant, { rungs, groups, used }),
  }));
  same('groups that no variant uses', groups.size - used.size, 0);
  return { rungs, agreesWith: (tracks) => agree(variants, tracks) };
}

/** What the variants say is what the tracks are. */
function agree(variants, tracks) {
  for (const { uri, attributes, parts } of variants) {
    const own = tracks.get(folder(uri));
    const codecs = parts.map((part) => tracks.get(folder(part.url)).summary.codec).join(',');
    same(`${uri}: CODECS`, attributes.CODECS, codecs);
    const { RESOLUTION: size } = attributes;
    same(`${uri}: RESOLUTION`, size && `${size.width}x${size.height}`, own.summary.size);
    if (own.frameRate) close(`${uri}: FRAME-RATE`, attributes['FRAME-RATE'], own.frameRate, 0.001);
  }
  for (const { parts } of variants) {
    const lengths = parts.map((part) => tracks.get(folder(part.url)).summary.seconds);
    const longest = Math.max(...parts[0].segments.map((segment) => segment.seconds));
    close('sound and pictures end', Math.min(...lengths), Math.max(...lengths), longest);
  }
  const seen = [...tracks].filter(([, track]) => track.summary.size);
  for (const [name, track] of seen) {
    same(`${name}: where it is cut`, track.cuts.join(), seen[0][1].cuts.join());
  }
}
