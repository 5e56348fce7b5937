import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { PkgCacheError } from '../../src/errors.ts';
import type { Payload, Store } from '../../src/store/store.ts';

/** A store in memory, for fleets that are too large for a real one, with a clock of its own and an account of what it was asked. */
export class MemoryStore implements Store {
  readonly label = 'memory';
  readonly requests = new Map<string, number>();
  bytesIn = 0;
  bytesOut = 0;
  time: number;
  readonly #objects = new Map<string, { bytes: Buffer; modified: number; tag: string }>();
  #made = 0;
  /** Sorted; and those that still have to be put in their places. */
  readonly #keys: string[] = [];
  readonly #fresh: string[] = [];

  constructor(time = Date.now()) {
    this.time = time;
  }

  async get(key: string, range?: { start: number; length: number }) {
    this.#count('get');
    const object = this.#objects.get(key);
    if (!object) return undefined;
    const { start, length } = range ?? { start: 0, length: object.bytes.length };
    if (start + length > object.bytes.length) throw new PkgCacheError('ARCHIVE_INVALID', 'no such range');
    this.bytesOut += length;
    return { size: length, body: Readable.from([object.bytes.subarray(start, start + length)], { objectMode: false }) };
  }

  async create(key: string, payload: Payload): Promise<'created' | 'exists'> {
    this.#count('create');
    if (this.#objects.has(key)) return 'exists';
    const bytes = await bytesOf(payload);
    if (this.#objects.has(key)) return 'exists';
    this.bytesIn += bytes.length;
    this.put(key, bytes);
    return 'created';
  }

  /** As if it had been there before. */
  /** What lies at a key. */
  bytes(key: string): Buffer {
    return this.#objects.get(key)!.bytes;
  }

  put(key: string, bytes: Buffer): void {
    if (!this.#objects.has(key)) this.#fresh.push(key);
    this.#objects.set(key, { bytes, modified: this.time, tag: String(++this.#made) });
  }

  async list(prefix: string, { after = '', limit = 1000 }: { after?: string | undefined; limit?: number | undefined } = {}) {
    this.#count('list');
    this.#settle();
    const first = this.#from(after >= prefix ? `${after}\0` : prefix);
    const keys = this.#keys.slice(first, first + limit).filter((key) => key.startsWith(prefix));
    const objects = keys.map((key) => ({ key, size: this.#objects.get(key)!.bytes.length, modified: this.#objects.get(key)!.modified, tag: this.#objects.get(key)!.tag }));
    return { objects, next: this.#keys[first + limit]?.startsWith(prefix) ? objects.at(-1)?.key : undefined };
  }

  async remove(key: string): Promise<void> {
    this.#count('remove');
    this.#settle();
    if (this.#objects.delete(key)) this.#keys.splice(this.#from(key), 1);
  }

  async tidy(): Promise<number> {
    this.#count('tidy');
    return 0;
  }

  async now(): Promise<number> {
    return this.time;
  }

  close(): void {
    // Nothing is open.
  }

  /** How often it was asked since the last time. */
  account(): Record<string, number> {
    const account = Object.fromEntries(this.requests);
    this.requests.clear();
    return account;
  }

  #settle(): void {
    const fresh = this.#fresh.splice(0);
    if (fresh.length < 100) for (const key of fresh) this.#keys.splice(this.#from(key), 0, key);
    else {
      for (const key of fresh) this.#keys.push(key);
      this.#keys.sort();
    }
  }

  /** Where the first key is that does not come before this one. */
  #from(key: string): number {
    let [low, high] = [0, this.#keys.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#keys[middle]! < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #count(what: string): void {
    this.requests.set(what, (this.requests.get(what) ?? 0) + 1);
  }
}

async function bytesOf(payload: Payload): Promise<Buffer> {
  if (payload instanceof Uint8Array) return Buffer.from(payload);
  if ('pieces' in payload) return await buffer(Readable.from(payload.pieces, { objectMode: false }));
  const { readFileSync } = process.getBuiltinModule('node:fs');
  return readFileSync(payload.path);
}
