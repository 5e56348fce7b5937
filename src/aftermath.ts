import type { Spool } from './fleet/spool.ts';

/** What comes after an install, where its caching is synchronous. */
export class Aftermath {
  readonly #notes: (() => void)[] = [];
  #spool: Spool | undefined;

  /** What an install is noted as, once it is clear that this process decides on it. */
  note(note: () => void): void {
    this.#notes.push(note);
  }

  tell(): void {
    for (const note of this.#notes.splice(0)) note();
  }

  /** Something was spooled that is to be done before the install ends. */
  await(spool: Spool): void {
    this.#spool = spool;
  }

  /** The tool has ended: has `flush` do what was left, if there is something. Whatever goes wrong, the next install tries again. */
  async settle(flush: () => Promise<void>): Promise<void> {
    if (!this.#spool) return;
    try {
      this.#spool.end(process.pid);
      await flush();
    } catch {
      // A full disk, or a cache that is gone meanwhile.
    }
  }
}
