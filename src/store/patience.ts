import type { Limits } from './limits.ts';
import { startTicker } from './ticker.ts';

/** What is waited for: the first byte of an answer, or more bytes of a body. */
type Awaited = 'answer' | 'body';

/**
 * The time that all reads of one store may waste together.
 *
 * There is a budget of `budgetMs`. While anything is waited for, it runs down with the clock, once for all of them, and
 * what arrives fills it up again: bytes at `floorBytesPerMs`, an answer with `answerCreditMs`. So a download that flows
 * faster than the floor may take as long as it needs, a hundred stuck requests cost no more than one, and a store that
 * drips uses up its budget. Apart from that, nobody waits for a first byte when nothing at all has come for `firstByteMs`.
 * Both are measured over all requests together, because they share one link: a full link delays the others.
 */
export class Patience {
  readonly #limits: Limits;
  readonly #waiting = new Map<() => void, Awaited>();
  #left: number;
  #silence = 0;
  #stop: (() => void) | undefined;

  constructor(limits: Limits) {
    this.#limits = limits;
    this.#left = limits.budgetMs;
  }

  /** Starts waiting; `giveUp` is called once if that turns out to be useless. Waiting twice for the same is once. */
  await(what: Awaited, giveUp: () => void): void {
    if (this.#waiting.size === 0) this.#silence = 0;
    this.#waiting.set(giveUp, what);
    this.#stop ??= startTicker((elapsed) => this.#charge(elapsed));
  }

  /** Ends what `await` started, whatever came of it. */
  done(giveUp: () => void): void {
    this.#waiting.delete(giveUp);
    if (this.#waiting.size > 0) return;
    this.#stop?.();
    this.#stop = undefined;
  }

  /** A request was answered usefully. */
  answered(): void {
    this.#silence = 0;
    this.#credit(this.#limits.answerCreditMs);
  }

  /** Bytes of a body arrived. */
  received(bytes: number): void {
    const worth = bytes / this.#limits.floorBytesPerMs;
    this.#silence = Math.max(0, this.#silence - worth);
    this.#credit(worth);
  }

  #credit(ms: number): void {
    this.#left = Math.min(this.#limits.budgetMs, this.#left + ms);
  }

  #charge(elapsed: number): void {
    this.#left -= elapsed;
    this.#silence += elapsed;
    if (this.#left <= 0) {
      // Whoever comes after the circuit has closed again gets a fresh budget.
      this.#left = this.#limits.budgetMs;
      this.#giveUp(() => true);
    } else if (this.#silence >= this.#limits.firstByteMs) {
      this.#giveUp((what) => what === 'answer');
    }
  }

  #giveUp(affected: (what: Awaited) => boolean): void {
    for (const [giveUp, what] of [...this.#waiting]) {
      if (!affected(what)) continue;
      this.done(giveUp);
      giveUp();
    }
  }
}
