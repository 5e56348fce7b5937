import { Gunzip } from 'minizlib';
import { invalid } from '../../archive/failure.ts';
import { WindowReader } from '../../archive/source.ts';

/** How much of a tarball is decompressed at a time, in bytes: at zlib's greatest ratio of 1032 some 8 MB come of it. */
const STEP = 8 << 10;

const NOTHING = Buffer.alloc(0);

/** Reads what a gzip member of `size` bytes decompresses to, of which no more is ever held than comes of one step. */
export class InflatingReader extends WindowReader {
  readonly #tgz: Uint8Array;
  readonly #size: number;
  readonly #gunzip = new Gunzip({});
  /** What has been decompressed and is not in the window yet. */
  #pieces: Buffer[] = [];
  #failure: Error | undefined;
  /** How much of the tarball has been decompressed, and to how much. */
  #consumed = 0;
  #inflated = 0;

  constructor(tgz: Uint8Array, size: number) {
    super();
    this.#tgz = tgz;
    this.#size = size;
    this.#gunzip.on('data', (piece) => {
      this.#inflated += piece.length;
      if (piece.length > 0) this.#pieces.push(piece);
    });
    this.#gunzip.on('error', (error) => (this.#failure = error as Error));
  }

  /** Throws when what is at the end is not as it should be. */
  get atEnd(): boolean {
    while (this.isEmpty && this.#pieces.length === 0 && this.#step());
    return this.isEmpty && this.#pieces.length === 0;
  }

  close(): void {
    this.#gunzip.close();
  }

  /** As much of the first piece as there is room for. */
  protected read(at: number): number {
    while (this.#pieces.length === 0) if (!this.#step()) return 0;
    const [piece = NOTHING] = this.#pieces;
    const moved = piece.copy(this.window, at);
    if (moved < piece.length) this.#pieces[0] = piece.subarray(moved);
    else this.#pieces.shift();
    return moved;
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
