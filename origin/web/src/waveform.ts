// The waveform: how loud a recording is, by time.

/** Pixels from one bar to the next, and how much of them is bar. */
const PITCH = 4;
const BAR = 2.5;

/** Reads `peaks.json`; `undefined` for anything else. */
export function peaks(document: unknown): number[] | undefined {
  const { version, peaks } = (document ?? {}) as { version?: unknown; peaks?: unknown };
  const is = (peak: unknown) => typeof peak === "number" && peak >= 0 && peak <= 255;
  return version === 1 && Array.isArray(peaks) && peaks.length > 0 && peaks.every(is) ? peaks : undefined;
}

/** `count` bars between 0 and 1, each the highest of its peaks; the loudest of all is 1. */
export function bars(peaks: readonly number[], count: number): number[] {
  const loudest = peaks.reduce((a, b) => Math.max(a, b), 1);
  return Array.from({ length: count }, (_, bar) => {
    const first = Math.floor((bar * peaks.length) / count);
    const end = Math.max(first + 1, Math.floor(((bar + 1) * peaks.length) / count));
    return peaks.slice(first, end).reduce((a, b) => Math.max(a, b), 0) / loudest;
  });
}

/** Loads peaks; `undefined` if there are none. */
export async function load(source: string): Promise<number[] | undefined> {
  try {
    const answer = await fetch(source);
    return answer.ok ? peaks(await answer.json()) : undefined;
  } catch {
    return undefined;
  }
}

/** A waveform on a canvas. */
export class Waveform {
  private played = 0;
  private buffered = 0;

  constructor(private readonly canvas: HTMLCanvasElement, private readonly peaks: number[]) {
    new ResizeObserver(() => this.draw()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /** Shares of the length, between 0 and 1. */
  show(played: number, buffered: number): void {
    this.played = played;
    this.buffered = buffered;
    this.draw();
  }

  private draw(): void {
    const { canvas } = this;
    const context = canvas.getContext("2d");
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!context || width === 0) {
      return;
    }
    const scale = window.devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    context.scale(scale, scale);
    const style = getComputedStyle(canvas);
    const color = (name: string) => style.getPropertyValue(name);
    const count = Math.floor(width / PITCH);
    bars(this.peaks, count).forEach((level, bar) => {
      const share = (bar + 0.5) / count;
      context.fillStyle = color(
        share <= this.played ? "--accent" : share <= this.buffered ? "--buffer" : "--line");
      const tall = Math.max(BAR, level * height);
      context.beginPath();
      context.roundRect((bar * width) / count, (height - tall) / 2, BAR, tall, BAR / 2);
      context.fill();
    });
  }
}
