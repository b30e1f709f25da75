// Pure: numbers and names for people.

/** What can be chosen. */
export interface Rung {
  /** Its folder, `audio-128k`; stays the same whatever the order. */
  id: string;
  /** Pixels; 0 for sound. */
  height: number;
  /** Bits a second. */
  bitrate: number;
}

/** A line of the quality menu. */
export interface Choice {
  id: string;
  label: string;
}

/** `3:24`, `1:02:03`; `–:––` for a length that is not known. */
export function clock(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) {
    return "–:––";
  }
  const whole = Math.floor(seconds);
  const two = (part: number) => String(part).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0
    ? `${hours}:${two(minutes)}:${two(whole % 60)}`
    : `${minutes}:${two(whole % 60)}`;
}

/** The folder of a rung's playlist: `audio-128k`. */
export function folder(url: string): string {
  return /([a-z0-9-]+)\/playlist\.m3u8/.exec(url)?.[1] ?? "";
}

/** `720p`, `128 kbit/s`: by the rung's folder, else by what the playlist says of it. */
export function label(rung: Rung): string {
  const named = /^(?:audio|video)-(\d+)(k|p)$/.exec(rung.id);
  if (named) {
    return named[2] === "p" ? `${named[1]}p` : `${named[1]} kbit/s`;
  }
  return rung.height > 0 ? `${rung.height}p` : `${Math.round(rung.bitrate / 1000)} kbit/s`;
}

/** The quality menu: of a video the largest picture first and sound alone last; of sound, upwards. */
export function menu(rungs: Rung[]): Choice[] {
  const hasPictures = (rung: Rung) => rung.height > 0 || rung.id.startsWith("video-");
  const pictures = rungs.filter(hasPictures);
  const sound = rungs.filter((rung) => !hasPictures(rung)).sort((a, b) => a.bitrate - b.bitrate);
  pictures.sort((a, b) => b.height - a.height || b.bitrate - a.bitrate);
  const alone = (rung: Rung) => {
    if (pictures.length === 0) {
      return label(rung);
    }
    return sound.length > 1 ? `Audio only · ${label(rung)}` : "Audio only";
  };
  return [
    ...pictures.map((rung) => ({ id: rung.id, label: label(rung) })),
    ...sound.map((rung) => ({ id: rung.id, label: alone(rung) })),
  ];
}

/** How much is buffered without a gap from `position` on, in seconds. */
export function ahead(ranges: ReadonlyArray<readonly [number, number]>, position: number): number {
  // Decoders start a sample late now and then: a gap that nobody hears is none.
  const slack = 0.1;
  const around = ranges.find(([start, end]) => start - slack <= position && position <= end + slack);
  return around ? Math.max(0, around[1] - position) : 0;
}

/** A share of the length in percent, between 0 and 100. */
export function percent(part: number, whole: number): number {
  return whole > 0 ? Math.min(100, Math.max(0, (part / whole) * 100)) : 0;
}
