import type { EntryFile } from '../cache/entry.ts';
import { unpackPiece, type Piece } from './members.ts';
import type { Reader } from './source.ts';
import type { TreeWriter } from './tree.ts';

/** Indexes into the shared counters. */
const NEXT = 0;
const DONE = 1;

/**
 * The pieces of one archive, shared out between threads: each takes the next one until none is left, so that a thread that
 * starts late or never is made up for by the others.
 */
export class Work {
  readonly pieces: readonly Piece[];
  /** Shared memory: how many pieces are taken, and how many of these are done. */
  readonly counters: Int32Array<SharedArrayBuffer>;

  constructor(pieces: readonly Piece[], counters = new Int32Array(new SharedArrayBuffer(8))) {
    this.pieces = pieces;
    this.counters = counters;
  }

  /** Whether everything has been written, by whomever. */
  get isDone(): boolean {
    return Atomics.load(this.counters, DONE) === this.pieces.length;
  }

  /** Unpacks pieces until none is left, on this thread. Throws what `unpackPiece` throws; the others then soon stop as well. */
  run(reader: Reader, tree: TreeWriter, files: readonly EntryFile[], trusted: boolean): void {
    try {
      for (let piece = this.#take(); piece !== undefined; piece = this.#take()) {
        unpackPiece(reader, tree, files, piece, trusted);
        Atomics.add(this.counters, DONE, 1);
      }
    } catch (error) {
      Atomics.store(this.counters, NEXT, this.pieces.length);
      throw error;
    }
  }

  #take(): Piece | undefined {
    return this.pieces[Atomics.add(this.counters, NEXT, 1)];
  }
}
