// What plays: HLS on Media Source Extensions, else the browser's own HLS; DASH on request.
import Hls from "hls.js";
import type { Rung } from "./format";
import { MseEngine, NativeEngine } from "./hls";

/** What the page wants to know. */
export interface Listener {
  /** What can be chosen is known, and play can be pressed. */
  loaded(rungs: Rung[]): void;
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
  /** The DASH manifest, if that is what shall be played. */
  dash?: string;
  /** Seconds; 0 for the beginning. */
  at: number;
}

/** Starts to play; Media Source Extensions first, for their quality menu. */
export function start(media: HTMLMediaElement, from: Start, listener: Listener): Engine {
  if (from.dash !== undefined) {
    return new LoadedEngine(media, from.dash, from.at, listener);
  }
  if (Hls.isSupported()) {
    return new MseEngine(media, from, listener);
  }
  if (media.canPlayType("application/vnd.apple.mpegurl")) {
    return new NativeEngine(media, from, listener);
  }
  listener.failed("This browser plays neither Media Source Extensions nor HLS. Try a newer one.");
  return { choose() {}, destroy() {} };
}

/** An engine for DASH, whose code is fetched only now. */
class LoadedEngine implements Engine {
  private engine?: Engine;
  private ended = false;

  constructor(media: HTMLMediaElement, source: string, at: number, listener: Listener) {
    import("./dash").then(
      ({ DashEngine }) => {
        if (!this.ended) {
          this.engine = new DashEngine(media, source, at, listener);
        }
      },
      () => this.ended || listener.failed("The player for DASH could not be loaded."),
    );
  }

  choose(id: string): void {
    this.engine?.choose(id);
  }

  destroy(): void {
    this.ended = true;
    this.engine?.destroy();
  }
}
