import { Worker } from 'node:worker_threads';
import { sha256 } from '../hash.ts';

/** Fewer bytes are hashed where they are: to tell another thread takes time, too. */
const WORTHWHILE = 1 << 20;

/** What the other thread does. */
const HASHING = `
const { parentPort } = require('node:worker_threads');
const { createHash } = require('node:crypto');
parentPort.on('message', ({ id, bytes }) => parentPort.postMessage({ id, hash: createHash('sha256').update(bytes).digest('hex') }));
`;

/**
 * Hashes on another thread what takes long. (WebCrypto has threads of its own, but copies everything first.) Without that thread, because the
 * system grants no more of them, it hashes here.
 */
export class Hasher {
  readonly #waiting = new Map<number, { readonly bytes: Uint8Array; readonly settle: (hash: string) => void }>();
  #worker: Worker | 'none' | undefined;
  #last = 0;

  /** Hex SHA-256 of bytes in shared memory, which must stay as they are until then. */
  async sha256(bytes: Uint8Array): Promise<string> {
    if (bytes.length < WORTHWHILE) return sha256(bytes);
    this.#worker ??= this.#start();
    const worker = this.#worker;
    if (worker === 'none') return sha256(bytes);
    return await new Promise<string>((settle) => {
      const id = ++this.#last;
      this.#waiting.set(id, { bytes, settle });
      worker.ref();
      worker.postMessage({ id, bytes });
    });
  }

  /** Ends the other thread; the next large thing starts it anew. Nothing may be under way. */
  close(): void {
    if (this.#worker === 'none') return;
    void this.#worker?.terminate();
    this.#worker = undefined;
  }

  #start(): Worker | 'none' {
    try {
      const worker = new Worker(HASHING, { eval: true, stdin: false, stdout: false, stderr: false });
      worker.on('message', ({ id, hash }: { id: number; hash: string }) => this.#settle(worker, id, hash));
      worker.on('error', () => this.#goOnHere());
      worker.unref();
      return worker;
    } catch {
      return 'none';
    }
  }

  #settle(worker: Worker, id: number, hash: string): void {
    this.#waiting.get(id)?.settle(hash);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) worker.unref();
  }

  #goOnHere(): void {
    this.#worker = 'none';
    for (const { bytes, settle } of this.#waiting.values()) settle(sha256(bytes));
    this.#waiting.clear();
  }
}
