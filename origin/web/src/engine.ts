// What plays: hls.js on Media Source Extensions, else the browser's own HLS.
import Hls, { ErrorTypes, Events, type ErrorData } from "hls.js";
import { folder, label } from "./format";

/** A rung that can be chosen. */
export interface Choice {
  /** Its folder, `audio-128k`; stays the same whatever the order. */
  id: string;
  /** For people. */
  label: string;
}

/** What the page wants to know. */
export interface Listener {
  /** What can be chosen is known, and play can be pressed. */
  loaded(choices: Choice[]): void;
  /** Another rung plays now. */
  switched(id: string): void;
  /** Nothing plays any more. */
  failed(message: string): void;
}

/** Something that plays a source into a media element. */
export interface Engine {
  /** Chooses a rung; `auto` lets the player choose. */
  choose(id: string): void;
  /** Lets everything go. */
  destroy(): void;
}

/** What to play, and from where. */
export interface Start {
  /** The master playlist. */
  source: string;
  /** Seconds; 0 for the beginning. */
  at: number;
}

/** Starts to play; Media Source Extensions first, for their quality menu. */
export function start(media: HTMLMediaElement, from: Start, listener: Listener): Engine {
  if (Hls.isSupported()) {
    return new MseEngine(media, from, listener);
  }
  if (media.canPlayType("application/vnd.apple.mpegurl")) {
    return new NativeEngine(media, from, listener);
  }
  listener.failed("This browser plays neither Media Source Extensions nor HLS. Try a newer one.");
  return { choose() {}, destroy() {} };
}

class MseEngine implements Engine {
  private readonly hls: Hls;
  private recovered = false;

  constructor(media: HTMLMediaElement, from: Start, private readonly listener: Listener) {
    // A worker would have to come from a blob, which our policy forbids.
    this.hls = new Hls({
      enableWorker: false,
      capLevelToPlayerSize: true,
      backBufferLength: 60,
      startPosition: from.at > 0 ? from.at : -1,
    });
    this.hls.on(Events.MANIFEST_PARSED, () => listener.loaded(this.choices()));
    this.hls.on(Events.LEVEL_SWITCHED, (_, { level }) => listener.switched(this.id(level)));
    this.hls.on(Events.ERROR, (_, error) => this.fail(error));
    this.hls.loadSource(from.source);
    this.hls.attachMedia(media);
  }

  choose(id: string): void {
    const level = this.hls.levels.findIndex((_, index) => this.id(index) === id);
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

  private choices(): Choice[] {
    const ascending = this.hls.levels.map((level, index) => ({ level, index }));
    ascending.sort((a, b) => a.level.bitrate - b.level.bitrate);
    return ascending.map(({ level, index }) => ({
      id: this.id(index),
      label: label({ url: level.url[0] ?? "", height: level.height, bitrate: level.bitrate }),
    }));
  }

  private id(level: number): string {
    return folder(this.hls.levels[level]?.url[0] ?? "") || `level-${level}`;
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

class NativeEngine implements Engine {
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
