// The watch page: controls around a media element.
import { type Engine, start } from "./engine";
import { ahead, clock, menu, percent, type Rung } from "./format";
import * as storyboard from "./storyboard";
import { Preview } from "./timeline";
import * as waveform from "./waveform";

type State = "loading" | "ready" | "playing" | "paused" | "waiting" | "ended" | "error";

/** Seconds that an arrow key moves. */
const STEP = 5;

function element<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) {
    throw new Error(`the page has no #${id}`);
  }
  return found as T;
}

const player = element("player");
const media = element<HTMLMediaElement>("media");
const play = element<HTMLButtonElement>("play");
const mute = element<HTMLButtonElement>("mute");
const volume = element<HTMLInputElement>("volume");
const seek = element<HTMLInputElement>("seek");
const quality = element<HTMLSelectElement>("quality");
const error = element("error");

const preview = new Preview(seek, element("preview"), element("tile"), element("preview-time"));

let engine: Engine | undefined;
let waves: waveform.Waveform | undefined;
let resumeAt = 0;

function show(state: State): void {
  player.dataset.state = state;
  player.setAttribute("aria-busy", String(state === "loading" || state === "waiting"));
  play.setAttribute("aria-label", media.paused ? "Play" : "Pause");
}

function load(): void {
  // An engine that ends, or fails at once, leaves the element at 0.
  resumeAt = media.currentTime || resumeAt;
  engine?.destroy();
  error.hidden = true;
  show("loading");
  const wanted = new URLSearchParams(location.search).get("engine");
  const dash = wanted === "dash" ? address("dash") : undefined;
  engine = start(media, { source: address("source") ?? "", dash, at: resumeAt }, { loaded, switched, failed });
}

/** What the page says of a file that goes with the media, if it is there. */
function address(file: "source" | "dash" | "storyboard" | "peaks"): string | undefined {
  const path = player.dataset[file];
  return path && new URL(path, document.baseURI).href;
}

function loaded(rungs: Rung[]): void {
  offer(rungs);
  play.disabled = false;
  seek.disabled = false;
  show("ready");
}

function offer(rungs: Rung[]): void {
  const choices = menu(rungs);
  const chosen = quality.value;
  quality.replaceChildren(new Option("Auto", "auto"), ...choices.map((c) => new Option(c.label, c.id)));
  quality.disabled = choices.length < 2;
  if (choices.some((choice) => choice.id === chosen)) {
    quality.value = chosen;
    engine?.choose(chosen);
  }
}

function switched(id: string): void {
  player.dataset.rung = id;
  const name = [...quality.options].find((option) => option.value === id)?.text;
  const auto = quality.options[0];
  if (auto) {
    auto.text = quality.value === "auto" && name ? `Auto · ${name}` : "Auto";
  }
}

function failed(message: string): void {
  media.pause();
  element("error-text").textContent = message;
  error.hidden = false;
  play.disabled = true;
  show("error");
}

function toggle(): void {
  if (media.paused) {
    media.play().catch((reason: unknown) => {
      // Something else was asked for before it began: no fault.
      if (!(reason instanceof DOMException && reason.name === "AbortError")) {
        failed("The browser did not let the recording play.");
      }
    });
  } else {
    media.pause();
  }
}

function moveTo(seconds: number): void {
  const end = Number.isFinite(media.duration) ? media.duration : 0;
  media.currentTime = Math.min(end, Math.max(0, seconds));
}

function drawTime(): void {
  const length = media.duration;
  if (Number.isFinite(length) && length > 0) {
    seek.max = String(length);
    element("duration").textContent = clock(length);
  }
  seek.value = String(media.currentTime);
  seek.setAttribute("aria-valuetext", `${clock(media.currentTime)} of ${clock(length)}`);
  element("time").textContent = clock(media.currentTime);
  element("played").style.width = `${percent(media.currentTime, length)}%`;
  drawBuffer();
}

function drawBuffer(): void {
  const ranges = Array.from({ length: media.buffered.length }, (_, index) =>
    [media.buffered.start(index), media.buffered.end(index)] as const);
  const seconds = ahead(ranges, media.currentTime);
  player.dataset.buffered = seconds.toFixed(1);
  const buffered = percent(media.currentTime + seconds, media.duration);
  element("buffered").style.width = `${buffered}%`;
  waves?.show(percent(media.currentTime, media.duration) / 100, buffered / 100);
}

function drawVolume(): void {
  const silent = media.muted || media.volume === 0;
  player.classList.toggle("silent", silent);
  mute.setAttribute("aria-pressed", String(silent));
  mute.setAttribute("aria-label", silent ? "Unmute" : "Mute");
  volume.value = media.muted ? "0" : String(media.volume);
}

function press(event: KeyboardEvent): void {
  const target = event.target as HTMLElement;
  if (event.ctrlKey || event.metaKey || event.altKey || play.disabled) {
    return;
  }
  const busy = target instanceof HTMLSelectElement || target instanceof HTMLInputElement;
  const onButton = target instanceof HTMLButtonElement;
  const action = actions[event.key];
  if (action && !busy && !(onButton && event.key === " ")) {
    event.preventDefault();
    action();
  }
}

const actions: Record<string, () => void> = {
  " ": toggle,
  k: toggle,
  m: () => mute.click(),
  f: () => document.getElementById("fullscreen")?.click(),
  ArrowLeft: () => moveTo(media.currentTime - STEP),
  ArrowRight: () => moveTo(media.currentTime + STEP),
  Home: () => moveTo(0),
};

function fillScreen(): void {
  const done = document.fullscreenElement
    ? document.exitFullscreen()
    : element("stage").requestFullscreen();
  done.catch(() => undefined); // the browser's owner forbids it: the page stays as it is
}

/** Pictures and waves, where there are some; without them the page is whole too. */
async function adorn(): Promise<void> {
  const cover = document.getElementById("cover") as HTMLImageElement | null;
  const uncover = () => element("stage").classList.remove("covered");
  cover?.addEventListener("error", uncover);
  if (cover?.complete && cover.naturalWidth === 0) {
    uncover();
  }
  const [pictures, peaks] = [address("storyboard"), address("peaks")];
  preview.moments = pictures ? await storyboard.load(pictures) : [];
  const found = peaks && await waveform.load(peaks);
  if (found) {
    waves = new waveform.Waveform(element<HTMLCanvasElement>("waves"), found);
    element("timeline").classList.add("waved");
    drawBuffer();
  }
}

function tellSystem(): void {
  if ("mediaSession" in navigator) {
    const poster = player.dataset.poster;
    navigator.mediaSession.metadata = new MediaMetadata({
      artwork: poster ? [{ src: new URL(poster, document.baseURI).href, type: "image/jpeg" }] : [],
      title: element("title").textContent ?? "",
      artist: document.getElementById("artist")?.textContent ?? "",
    });
  }
}

function seeked(): void {
  moveTo(Number(seek.value));
}

media.addEventListener("playing", () => show("playing"));
media.addEventListener("pause", () => player.dataset.state !== "error" && show(media.ended ? "ended" : "paused"));
media.addEventListener("waiting", () => show("waiting"));
media.addEventListener("ended", () => show("ended"));
for (const event of ["timeupdate", "durationchange", "seeking", "loadedmetadata"]) {
  media.addEventListener(event, drawTime);
}
media.addEventListener("progress", drawBuffer);
media.addEventListener("volumechange", drawVolume);
media.addEventListener("click", () => !play.disabled && toggle());
play.addEventListener("click", toggle);
mute.addEventListener("click", () => {
  media.muted = !media.muted;
});
volume.addEventListener("input", () => {
  media.volume = Number(volume.value);
  media.muted = false;
});
seek.addEventListener("input", seeked);
quality.addEventListener("change", () => engine?.choose(quality.value));
element("retry").addEventListener("click", load);
document.getElementById("fullscreen")?.addEventListener("click", fillScreen);
document.addEventListener("keydown", press);

tellSystem();
load();
void adorn();
