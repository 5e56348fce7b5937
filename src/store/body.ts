import { Readable } from 'node:stream';
import type { PkgCacheError } from '../errors.ts';
import { unavailable } from './failure.ts';
import type { Patience } from './patience.ts';
import type { StoredObject } from './store.ts';

/**
 * Passes an object's bytes on, and fails with STORE_UNAVAILABLE when they stop coming, break off, or are not `size`.
 * Waits for the store only while the consumer wants more: a slow consumer is no fault of the store.
 */
export class GuardedBody extends Readable {
  readonly #source: Readable;
  readonly #size: number;
  readonly #label: string;
  readonly #patience: Patience;
  readonly #failed: (error: PkgCacheError) => void;
  #received = 0;

  /** `failed` hears of the failure too, also when nobody reads the body. */
  constructor(label: string, object: StoredObject, patience: Patience, failed: (error: PkgCacheError) => void) {
    // Chunks are handed on as they come: a stream of bytes would put those that wait together, and copy them for that.
    super({ objectMode: true, highWaterMark: 1 });
    this.#label = label;
    this.#size = object.size;
    this.#source = object.body;
    this.#patience = patience;
    this.#failed = failed;
    // A body that fails before its consumer has come to it must not end the process; the consumer still gets the error.
    this.on('error', () => undefined);
    this.#source.on('data', (chunk: Buffer) => this.#take(chunk));
    this.#source.once('end', () => this.#finish());
    this.#source.once('error', (cause: Error) => this.#fail('the answer broke off', cause));
    this.#source.once('close', () => {
      if (!this.#source.readableEnded) this.#fail('the answer broke off');
    });
    this.#source.pause();
  }

  readonly #giveUp = (): void => this.#fail('bytes come too slowly');

  override _read(): void {
    if (!this.#source.readableEnded) this.#patience.await('body', this.#giveUp);
    this.#source.resume();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#patience.done(this.#giveUp);
    this.#source.destroy();
    callback(error);
  }

  #take(chunk: Buffer): void {
    this.#received += chunk.length;
    this.#patience.received(chunk.length);
    if (this.push(chunk)) return;
    this.#source.pause();
    this.#patience.done(this.#giveUp);
  }

  #finish(): void {
    this.#patience.done(this.#giveUp);
    if (this.#received === this.#size) this.push(null);
    else this.#fail(`the answer has ${this.#received} bytes instead of ${this.#size}`);
  }

  #fail(what: string, cause?: unknown): void {
    if (this.destroyed) return;
    const error = unavailable(this.#label, what, { cause });
    this.#failed(error);
    this.destroy(error);
  }
}
