/** A part of the pool that nobody has. */
interface Gap {
  readonly start: number;
  readonly end: number;
}

/**
 * Buffers, of which no more than a number of bytes are in use at once: whoever wants more waits for its turn, first come, first served.
 *
 * They are parts of one piece of memory. V8 counts no shared memory when it decides on a collection, so what was allocated for each and dropped
 * would pile up. It is shared so that other threads can read it without a copy.
 */
export class BufferPool {
  readonly #bytes: number;
  readonly #usual: number;
  #used = 0;
  #memory: SharedArrayBuffer | undefined;
  /** In the order of addresses; no two touch. */
  #gaps: Gap[];
  readonly #queue: { readonly bytes: number; readonly enter: (start: number) => void }[] = [];

  /**
   * `bytes`: what may be held in all. Of it only that much is ever touched that was in use at once: more than `usual` by one alone that
   * is larger than that.
   */
  constructor(bytes: number, usual = bytes) {
    this.#bytes = bytes;
    this.#usual = usual;
    this.#gaps = [{ start: 0, end: bytes }];
  }

  /** Runs `work` with a buffer of `bytes`, never more than the whole pool. It is `work`'s alone until that ends. */
  async use<T>(bytes: number, work: (buffer: Buffer) => Promise<T>): Promise<T> {
    const start = (this.#queue.length === 0 ? this.#take(bytes) : undefined) ?? (await new Promise<number>((enter) => this.#queue.push({ bytes, enter })));
    this.#memory ??= new SharedArrayBuffer(this.#bytes);
    try {
      return await work(Buffer.from(this.#memory, start, bytes));
    } finally {
      this.#give({ start, end: start + bytes });
      this.#admit();
    }
  }

  /** The beginning of the first gap that is large enough: so the same memory is used again. */
  #take(bytes: number): number | undefined {
    if (this.#used > 0 && this.#used + bytes > this.#usual) return undefined;
    const at = this.#gaps.findIndex(({ start, end }) => end - start >= bytes);
    const gap = this.#gaps[at];
    if (!gap) return undefined;
    const rest = { start: gap.start + bytes, end: gap.end };
    this.#used += bytes;
    this.#gaps.splice(at, 1, ...(rest.start < rest.end ? [rest] : []));
    return gap.start;
  }

  #give(freed: Gap): void {
    this.#used -= freed.end - freed.start;
    const gaps: Gap[] = [];
    for (const gap of [...this.#gaps, freed].sort((a, b) => a.start - b.start)) {
      const last = gaps.at(-1);
      if (last?.end === gap.start) gaps[gaps.length - 1] = { start: last.start, end: gap.end };
      else if (gap.end > gap.start) gaps.push(gap);
    }
    this.#gaps = gaps;
  }

  #admit(): void {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const start = this.#take(next.bytes);
      if (start === undefined) return;
      this.#queue.shift();
      next.enter(start);
    }
  }
}

/** The largest archive (bytes) that is held in memory as a whole because it has to be: one that its registry has. Larger ones are left to the real tool. */
export const MAX_ORIGINAL = 64 << 20;

/** How many times as much comes out of an archive as its registry has it, at most: usual are 3 to 5. */
const MOST_UNPACKED = 10;

/**
 * The bytes of files that room is made for, for an archive as its registry has it of which so many bytes are there: as many as somebody says that come out of
 * it, but no more than usually may. What is more counts when it has come.
 */
export function unpackedSize(claimed: number, archive: number): number {
  return Math.min(claimed, MOST_UNPACKED * archive);
}

/** Larger archives of ours (bytes) go through a file. */
export const IN_MEMORY = 4 << 20;

/** For what a process has on its way from a store: one for all, however many pull. */
export const received = new BufferPool(MAX_ORIGINAL, 16 << 20);
