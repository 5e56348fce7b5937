import { setMaxListeners } from 'node:events';
import type { PkgCacheError } from '../errors.ts';
import type { Watch } from './backend.ts';
import type { Limits } from './limits.ts';
import { startTicker } from './ticker.ts';

/**
 * Watches one upload: as long as it progresses it may take what it needs. Silence is allowed for the first answer, and
 * from then on for as long as the bytes that may be on their way need at the floor, plus some time to think.
 */
export class Watchdog implements Watch {
  readonly signal: AbortSignal;
  readonly #limits: Limits;
  readonly #size: number;
  readonly #stop: () => void;
  #allowed: number;
  #silence = 0;
  #paused = false;

  /** `size` is the payload's, in bytes; `tooSlow` makes the reason that the signal aborts with. */
  constructor(size: number, limits: Limits, tooSlow: () => PkgCacheError) {
    const controller = new AbortController();
    // One listener per request in flight, and a multipart upload has several.
    setMaxListeners(0, controller.signal);
    this.signal = controller.signal;
    this.#limits = limits;
    this.#size = size;
    this.#allowed = limits.createAnswerMs;
    this.#stop = startTicker((elapsed) => {
      if (this.#paused) return;
      this.#silence += elapsed;
      if (this.#silence < this.#allowed) return;
      this.#stop();
      controller.abort(tooSlow());
    });
  }

  progress(sent: number): void {
    const { createWindow, floorBytesPerMs, createSilenceMs } = this.#limits;
    this.#silence = 0;
    this.#allowed = createSilenceMs + Math.min(this.#size - sent, createWindow) / floorBytesPerMs;
  }

  /** Passes pieces on. The time that it takes to make them is ours, not the store's. */
  async *unhurried(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      this.#paused = true;
      for await (const piece of pieces) {
        this.#paused = false;
        yield piece;
        this.#paused = true;
      }
    } finally {
      this.#paused = false;
    }
  }

  stop(): void {
    this.#stop();
  }
}
