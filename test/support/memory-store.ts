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
  readonly #objects = new Map<string, { bytes: Buffer; modified: number }>();
  #keys: string[] | undefined;

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
  put(key: string, bytes: Buffer): void {
    this.#objects.set(key, { bytes, modified: this.time });
    this.#keys = undefined;
  }

  async list(prefix: string, { after = '', limit = 1000 }: { after?: string | undefined; limit?: number | undefined } = {}) {
    this.#count('list');
    this.#keys ??= [...this.#objects.keys()].sort();
    const all = this.#keys.filter((key) => key.startsWith(prefix) && key > after);
    const objects = all.slice(0, limit).map((key) => ({ key, size: this.#objects.get(key)!.bytes.length, modified: this.#objects.get(key)!.modified }));
    return { objects, next: all.length > limit ? objects.at(-1)?.key : undefined };
  }

  async remove(key: string): Promise<void> {
    this.#count('remove');
    this.#objects.delete(key);
    this.#keys = undefined;
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
