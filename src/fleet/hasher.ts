import { Worker } from 'node:worker_threads';
import { sha256 } from '../hash.ts';

/** Fewer bytes are hashed where they are: to tell another thread takes time, too. */
const WORTHWHILE = 1 << 20;

/** Where a part begins, and how long it is, in bytes. */
export type Part = readonly [start: number, length: number];

/** What the other thread does. */
const HASHING = `
const { parentPort } = require('node:worker_threads');
const { createHash } = require('node:crypto');
parentPort.on('message', ({ id, bytes, parts }) => {
  const hash = ([start, length]) => createHash('sha256').update(bytes.subarray(start, start + length)).digest('hex');
  parentPort.postMessage({ id, hashes: parts.map(hash) });
});
`;

/**
 * Hashes on another thread what takes long. (WebCrypto has threads of its own, but copies everything first.) Without that thread, because the
 * system grants no more of them, it hashes here.
 */
export class Hasher {
  readonly #waiting = new Map<number, { readonly bytes: Uint8Array; readonly parts: readonly Part[]; readonly settle: (hashes: string[]) => void }>();
  #worker: Worker | 'none' | undefined;
  #last = 0;

  /** Hex SHA-256 of bytes in shared memory, which must stay as they are until then. */
  async sha256(bytes: Uint8Array): Promise<string> {
    const [hash = ''] = await this.sha256Of(bytes, [[0, bytes.length]]);
    return hash;
  }

  /** The same of several parts of them. */
  async sha256Of(bytes: Uint8Array, parts: readonly Part[]): Promise<string[]> {
    if (bytes.length < WORTHWHILE) return hashHere(bytes, parts);
    this.#worker ??= this.#start();
    const worker = this.#worker;
    if (worker === 'none') return hashHere(bytes, parts);
    return await new Promise<string[]>((settle) => {
      const id = ++this.#last;
      this.#waiting.set(id, { bytes, parts, settle });
      worker.ref();
      worker.postMessage({ id, bytes, parts });
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
      worker.on('message', ({ id, hashes }: { id: number; hashes: string[] }) => this.#settle(worker, id, hashes));
      worker.on('error', () => this.#goOnHere());
      worker.unref();
      return worker;
    } catch {
      return 'none';
    }
  }

  #settle(worker: Worker, id: number, hashes: string[]): void {
    this.#waiting.get(id)?.settle(hashes);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) worker.unref();
  }

  #goOnHere(): void {
    this.#worker = 'none';
    for (const { bytes, parts, settle } of this.#waiting.values()) settle(hashHere(bytes, parts));
    this.#waiting.clear();
  }
}

function hashHere(bytes: Uint8Array, parts: readonly Part[]): string[] {
  return parts.map(([start, length]) => sha256(bytes.subarray(start, start + length)));
}
