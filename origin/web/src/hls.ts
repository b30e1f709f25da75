// HLS: by hls.js on Media Source Extensions, and by browsers that know it themselves.
import Hls, { ErrorTypes, Events, type ErrorData, type Level, type LevelParsed } from "hls.js";
import type { Engine, Listener, Start } from "./engine";
import { folder, type Rung } from "./format";

/** hls.js, which chooses among pictures, or among sound where there are no pictures. */
export class MseEngine implements Engine {
  private hls: Hls;
  private recovered = false;
  /** Variants without pictures beside others with them; hls.js would drop them. */
  private soundOnly: LevelParsed[] = [];
  /** What the master playlist offers. */
  private rungs: Rung[] = [];

  constructor(
    private readonly media: HTMLMediaElement,
    private readonly from: Start,
    private readonly listener: Listener,
  ) {
    this.hls = this.open(from.source, from.at, "auto");
  }

  choose(id: string): void {
    const sound = this.soundOnly.find((level) => folder(level.url) === id);
    const source = sound?.url ?? this.from.source;
    if (source !== this.hls.url) {
      this.reopen(source, id);
      return;
    }
    const level = indexOf(this.hls.levels, id);
    if (level < 0) {
      this.hls.loadLevel = -1;
    } else if (level === this.hls.currentLevel) {
      this.hls.loadLevel = level;
    } else {
      // What is buffered behind the segment that plays now is fetched anew.
      this.hls.nextLevel = level;
    }
  }

  destroy(): void {
    this.hls.destroy();
  }

  private open(source: string, at: number, id: string): Hls {
    // A worker would have to come from a blob, which our policy forbids.
    const hls = new Hls({
      enableWorker: false,
      capLevelToPlayerSize: true,
      backBufferLength: 60,
      startPosition: at > 0 ? at : -1,
    });
    hls.on(Events.MANIFEST_PARSED, (_, { levels }) => {
      const level = indexOf(levels, id);
      if (level >= 0) {
        hls.startLevel = level;
      }
    });
    // Comes after what hls.js makes of it.
    hls.on(Events.MANIFEST_LOADED, (_, { levels }) => {
      if (id !== "auto") {
        hls.loadLevel = indexOf(hls.levels, id);
      }
      this.offer(hls, levels);
    });
    hls.on(Events.LEVEL_SWITCHED, (_, { level }) => this.listener.switched(idOf(hls.levels, level)));
    hls.on(Events.ERROR, (_, error) => this.fail(error));
    hls.loadSource(source);
    hls.attachMedia(this.media);
    return hls;
  }

  /** Goes on from the same moment with another playlist. */
  private reopen(source: string, id: string): void {
    const { currentTime, paused } = this.media;
    this.hls.destroy();
    this.hls = this.open(source, currentTime, id);
    if (!paused) {
      // Whoever paused or left meanwhile wants no playback.
      this.media.play().catch(() => undefined);
    }
  }

  private offer(hls: Hls, parsed: LevelParsed[]): void {
    if (this.rungs.length > 0 || hls.levels.length === 0) {
      return;
    }
    const hasPictures = (level: LevelParsed) => Boolean(level.videoCodec || level.height);
    if (parsed.some(hasPictures)) {
      this.soundOnly = parsed.filter((level) => !hasPictures(level));
    }
    const played = hls.levels.map(({ height, bitrate }, index) => ({ id: idOf(hls.levels, index), height, bitrate }));
    const sound = this.soundOnly.map(({ url, bitrate }) => ({ id: folder(url), height: 0, bitrate }));
    this.rungs = [...played, ...sound];
    this.listener.loaded(this.rungs);
  }

  private fail(error: ErrorData): void {
    if (!error.fatal) {
      return;
    }
    if (error.type === ErrorTypes.MEDIA_ERROR && !this.recovered) {
      this.recovered = true;
      this.hls.recoverMediaError();
      return;
    }
    this.listener.failed(sentence(error));
  }
}

function indexOf(levels: Level[], id: string): number {
  return levels.findIndex((_, index) => idOf(levels, index) === id);
}

function idOf(levels: Level[], index: number): string {
  return folder(levels[index]?.url[0] ?? "") || `level-${index}`;
}

/** A browser's own HLS: it chooses by itself. */
export class NativeEngine implements Engine {
  private readonly ends = new AbortController();

  constructor(private readonly media: HTMLMediaElement, from: Start, listener: Listener) {
    const options = { signal: this.ends.signal };
    media.addEventListener("loadedmetadata", () => {
      media.currentTime = from.at;
      listener.loaded([]);
    }, options);
    media.addEventListener("error", () => listener.failed(message(0)), options);
    media.src = from.source;
  }

  choose(): void {}

  destroy(): void {
    this.ends.abort();
    this.media.removeAttribute("src");
    this.media.load();
  }
}

function sentence(error: ErrorData): string {
  return error.type === ErrorTypes.NETWORK_ERROR
    ? message(error.response?.code ?? 0)
    : "This browser can't decode the recording.";
}

function message(status: number): string {
  switch (status) {
    case 401:
    case 403:
      return "This recording is private.";
    case 404:
      return "Nothing plays here any more.";
    case 410:
      return "This recording was withdrawn.";
    default:
      return status >= 500
        ? "The server can't deliver the recording right now."
        : "The connection broke off.";
  }
}
