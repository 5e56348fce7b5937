import { Gunzip } from 'minizlib';
import { invalid } from '../../archive/failure.ts';
import { CHUNK, type Reader } from '../../archive/source.ts';

/** How much of a tarball is decompressed at a time, in bytes: at zlib's greatest ratio of 1032 some 8 MB come of it. */
const STEP = 8 << 10;

/** Reads what a gzip member of `size` bytes decompresses to, of which no more is ever held than comes of one step. */
export class InflatingReader implements Reader {
  readonly window = Buffer.allocUnsafeSlow(CHUNK);
  readonly #tgz: Uint8Array;
  readonly #size: number;
  readonly #gunzip = new Gunzip({});
  /** What has been decompressed and is not in the window yet. */
  #pieces: Buffer[] = [];
  #failure: Error | undefined;
  /** How much of the tarball has been decompressed, and to how much. */
  #consumed = 0;
  #inflated = 0;
  /** What of the window is still to be taken. */
  #start = 0;
  #end = 0;

  constructor(tgz: Uint8Array, size: number) {
    this.#tgz = tgz;
    this.#size = size;
    this.#gunzip.on('data', (piece) => {
      this.#inflated += piece.length;
      this.#pieces.push(piece);
    });
    this.#gunzip.on('error', (error) => (this.#failure = error as Error));
  }

  /** Throws when what is at the end is not as it should be. */
  get atEnd(): boolean {
    while (this.#start === this.#end && this.#pieces.length === 0 && this.#step());
    return this.#start === this.#end && this.#pieces.length === 0;
  }

  take(length: number): number {
    if (this.#end - this.#start < length) this.#fill(length);
    const start = this.#start;
    this.#start += length;
    return start;
  }

  close(): void {
    this.#gunzip.close();
  }

  /** Moves what is left to the front, and puts there what comes next, until at least `length` bytes are there. */
  #fill(length: number): void {
    this.window.copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
    while (this.#end < length) {
      const piece = this.#pieces[0];
      if (piece) this.#move(piece);
      else if (!this.#step()) throw invalid('the tarball ends too early');
    }
  }

  /** Puts as much of the first piece into the window as there is room for. */
  #move(piece: Buffer): void {
    const moved = piece.copy(this.window, this.#end);
    this.#end += moved;
    if (moved < piece.length) this.#pieces[0] = piece.subarray(moved);
    else this.#pieces.shift();
  }

  /** Decompresses a little more; false at the end. */
  #step(): boolean {
    if (this.#gunzip.ended) return false;
    const next = this.#tgz.subarray(this.#consumed, this.#consumed + STEP);
    this.#consumed += next.length;
    if (next.length > 0) this.#gunzip.write(Buffer.from(next.buffer, next.byteOffset, next.length));
    else this.#gunzip.end();
    if (this.#failure) throw invalid('the tarball cannot be decompressed', this.#failure);
    // The size of a last member is not that of all, nor is it that of what trails behind the last one.
    if (this.#inflated > this.#size || (this.#gunzip.ended && this.#inflated < this.#size)) throw invalid('the tarball is more than one gzip member');
    return true;
  }
}
