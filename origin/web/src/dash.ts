// DASH by dash.js. A chunk of its own: it shares no code with the page, so that the page loads
// in one piece.
import { MediaPlayer, type MediaPlayerClass, type MediaType } from "dashjs";
import type { Engine, Listener } from "./engine";

const events = MediaPlayer.events;

/** dash.js, which chooses among pictures, or among sound where there are no pictures. */
export class DashEngine implements Engine {
  private readonly player: MediaPlayerClass = MediaPlayer().create();
  private kind: MediaType = "video";

  constructor(media: HTMLMediaElement, source: string, at: number, private readonly listener: Listener) {
    this.player.updateSettings({
      debug: { logLevel: 0 },
      streaming: {
        buffer: { bufferToKeep: 60, fastSwitchEnabled: true },
      },
    });
    this.player.on(events.STREAM_INITIALIZED, () => this.offer());
    this.player.on(events.QUALITY_CHANGE_RENDERED, ({ mediaType, newRepresentation }) => {
      if (mediaType === this.kind) {
        listener.switched(newRepresentation.id);
      }
    });
    this.player.on(events.ERROR, () => listener.failed("The recording can't be played over DASH."));
    this.player.initialize(media, source, false, at);
  }

  choose(id: string): void {
    const auto = id === "auto";
    this.player.updateSettings({ streaming: { abr: { autoSwitchBitrate: { [this.kind]: auto } } } });
    if (!auto) {
      // What is buffered is fetched anew: by itself it would only do so for a better one.
      this.player.setRepresentationForTypeById(this.kind, id, true);
    }
  }

  destroy(): void {
    this.player.destroy();
  }

  private offer(): void {
    this.kind = this.player.getTracksFor("video").length > 0 ? "video" : "audio";
    const rungs = this.player.getRepresentationsByType(this.kind);
    this.listener.loaded(rungs.map(({ id, height, bandwidth }) => ({ id, height, bitrate: bandwidth })));
    const playing = this.player.getCurrentRepresentationForType(this.kind);
    if (playing) {
      this.listener.switched(playing.id);
    }
  }
}
