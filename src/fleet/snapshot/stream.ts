import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { PkgCacheError } from '../../errors.ts';

/** Reads a body piece by piece, whatever the chunks are that it arrives in. Fails as the body does. */
export class BodyReader {
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #took: (bytes: number) => void;
  #left: Buffer = Buffer.alloc(0);

  /** `took` hears of what is filled in and saved, as it arrives. */
  constructor(body: Readable, took: (bytes: number) => void = () => undefined) {
    this.#chunks = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#took = took;
  }

  /** Fills `buffer` with what comes next. */
  async fill(buffer: Buffer): Promise<void> {
    let filled = 0;
    for await (const chunk of this.#told(buffer.length)) filled += chunk.copy(buffer, filled);
  }

  /** Writes the next `length` bytes to a new file. */
  async save(length: number, path: string): Promise<void> {
    await pipeline(Readable.from(this.#told(length), { objectMode: false }), createWriteStream(path, { flags: 'wx' }));
  }

  /** Drops the next `length` bytes. */
  async skip(length: number): Promise<void> {
    const taken = this.#take(length);
    while ((await taken.next()).done !== true);
  }

  async *#told(length: number): AsyncGenerator<Buffer> {
    for await (const chunk of this.#take(length)) {
      this.#took(chunk.length);
      yield chunk;
    }
  }

  async *#take(length: number): AsyncGenerator<Buffer> {
    for (let missing = length; missing > 0; ) {
      if (this.#left.length === 0) {
        const next = await this.#chunks.next();
        if (next.done === true) throw tooShort();
        this.#left = next.value;
      }
      const part = this.#left.subarray(0, missing);
      this.#left = this.#left.subarray(part.length);
      missing -= part.length;
      yield part;
    }
  }
}

function tooShort(): PkgCacheError {
  return new PkgCacheError('ARCHIVE_INVALID', 'a part of the snapshot ends too early');
}
