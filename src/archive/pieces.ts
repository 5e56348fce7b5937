import { closeSync, openSync, readSync } from 'node:fs';
import { CHUNK } from './source.ts';

/** Gathers bytes into pieces of CHUNK bytes, each in memory of its own, so that whoever gets one may keep it. */
export class Pieces {
  #buffer = Buffer.allocUnsafeSlow(CHUNK);
  #used = 0;
  #full: Buffer[] = [];

  write(bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const space = this.space();
      const part = bytes.subarray(done, done + space.length);
      space.set(part);
      this.advance(part.length);
      done += part.length;
    }
  }

  /** Room in the piece in the making, never empty: whoever has put bytes there says how many with `advance`. */
  space(): Buffer {
    return this.#buffer.subarray(this.#used);
  }

  advance(length: number): void {
    this.#used += length;
    if (this.#used < CHUNK) return;
    this.#full.push(this.#buffer);
    this.#buffer = Buffer.allocUnsafeSlow(CHUNK);
    this.#used = 0;
  }

  /** The pieces that are done since the last call. */
  full(): Buffer[] {
    if (this.#full.length === 0) return NONE;
    const full = this.#full;
    this.#full = [];
    return full;
  }

  /** The last pieces, of which one may be shorter. */
  rest(): Buffer[] {
    return [...this.full(), this.#buffer.subarray(0, this.#used)];
  }
}

const NONE: Buffer[] = [];

/** The bytes of a file, in pieces that whoever gets them may keep. Throws the system's error. */
export function* piecesOf(path: string): Generator<Buffer> {
  const fd = openSync(path, 'r');
  try {
    const pieces = new Pieces();
    for (let read = readSync(fd, pieces.space()); read > 0; read = readSync(fd, pieces.space())) {
      pieces.advance(read);
      yield* pieces.full();
    }
    yield* pieces.rest();
  } finally {
    closeSync(fd);
  }
}
