// The timeline: what is shown where the pointer or the slider is about to go.
import { clock } from "./format";
import { at, type Moment, type Tile } from "./storyboard";

/** Half of the slider's thumb in pixels: so far from the edges its middle stays. */
const EDGE = 8;
/** How long the preview stays after a key, in milliseconds. */
const STAY = 1500;

/** A small picture and a time above the slider. */
export class Preview {
  /** Pictures, once they are there. */
  moments: readonly Moment[] = [];
  private hiding = 0;

  constructor(
    private readonly seek: HTMLInputElement,
    private readonly box: HTMLElement,
    private readonly picture: HTMLElement,
    private readonly text: HTMLElement,
  ) {
    seek.addEventListener("pointermove", (event) => this.point(event));
    seek.addEventListener("pointerdown", (event) => this.point(event));
    for (const end of ["pointerleave", "pointercancel", "blur"]) {
      seek.addEventListener(end, () => this.hide());
    }
    seek.addEventListener("input", () => this.moved());
  }

  private point(event: PointerEvent): void {
    const { width } = this.seek.getBoundingClientRect();
    const share = (event.offsetX - EDGE) / (width - 2 * EDGE);
    this.show(Math.min(1, Math.max(0, share)) * Number(this.seek.max));
    if (event.pointerType === "touch") {
      this.hideSoon();
    }
  }

  private moved(): void {
    this.show(Number(this.seek.value));
    if (!this.seek.matches(":hover")) {
      this.hideSoon();
    }
  }

  private show(seconds: number): void {
    clearTimeout(this.hiding);
    const length = Number(this.seek.max);
    if (this.seek.disabled || length <= 0) {
      return;
    }
    this.text.textContent = clock(seconds);
    this.draw(at(this.moments, seconds));
    this.box.hidden = false;
    const room = this.seek.clientWidth;
    const middle = EDGE + (seconds / length) * (room - 2 * EDGE);
    const left = Math.min(room - this.box.offsetWidth, Math.max(0, middle - this.box.offsetWidth / 2));
    this.box.style.left = `${left}px`;
  }

  private draw(tile: Tile | undefined): void {
    this.picture.hidden = tile === undefined;
    if (tile) {
      const { style } = this.picture;
      style.width = `${tile.width}px`;
      style.height = `${tile.height}px`;
      style.backgroundImage = `url("${tile.url}")`;
      style.backgroundPosition = `${-tile.x}px ${-tile.y}px`;
    }
  }

  private hideSoon(): void {
    this.hiding = window.setTimeout(() => this.hide(), STAY);
  }

  private hide(): void {
    clearTimeout(this.hiding);
    this.box.hidden = true;
  }
}
