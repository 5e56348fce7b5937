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

  stop(): void {
    this.#stop();
  }
}
