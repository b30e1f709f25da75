// Storyboards: small pictures of a video, by time. The browser itself reads the WebVTT.

/** A part of a picture (W3C Media Fragments, `#xywh=`), in pixels. */
export interface Tile {
  url: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** A tile and from when on it is shown, in seconds. */
export interface Moment {
  start: number;
  tile: Tile;
}

/** Reads a cue's text, `storyboard/00001.jpg#xywh=160,90,160,90`, as it stands in `base`. */
export function tile(text: string, base: string): Tile | undefined {
  const parts = /^(\S+)#xywh=(?:pixel:)?(\d+),(\d+),(\d+),(\d+)$/.exec(text.trim());
  if (!parts?.[1] || !URL.canParse(parts[1], base)) {
    return undefined;
  }
  const [x = 0, y = 0, width = 0, height = 0] = parts.slice(2).map(Number);
  return width > 0 && height > 0 ? { url: new URL(parts[1], base).href, x, y, width, height } : undefined;
}

/** What is shown at a time: the last moment that has begun, the first one before that. */
export function at(moments: readonly Moment[], seconds: number): Tile | undefined {
  let [low, high] = [0, moments.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((moments[middle]?.start ?? 0) <= seconds) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return moments[Math.max(0, low - 1)]?.tile;
}

/** Loads a storyboard; one that is not there, or no storyboard, has no moments. */
export function load(source: string): Promise<Moment[]> {
  const track = document.createElement("track");
  track.kind = "metadata";
  track.src = source;
  // Beside the player, for hls.js empties the tracks of the element that it plays into.
  const holder = document.createElement("video");
  holder.append(track);
  return new Promise((resolve) => {
    track.addEventListener("load", () => resolve(moments(track.track.cues, source)));
    track.addEventListener("error", () => resolve([]));
    track.track.mode = "hidden";
  });
}

function moments(cues: TextTrackCueList | null, base: string): Moment[] {
  return [...(cues ?? [])].flatMap((cue) => {
    const found = tile((cue as VTTCue).text, base);
    return found ? [{ start: cue.startTime, tile: found }] : [];
  });
}
