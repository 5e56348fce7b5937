/** A spare buffer may be this many times as large as what it is taken for: more would keep others waiting for nothing. */
const MOST_SPARE = 4;

/**
 * Buffers, of which no more than a number of bytes are in use at once: whoever wants more waits for its turn, first come, first served.
 *
 * They are used again and again, because V8 answers every 64 MB that are newly allocated outside its heap with a collection of all of the heap.
 * Their memory is shared, so that another thread can read it without a copy.
 */
export class BufferPool {
  /** What may be allocated still. */
  #free: number;
  readonly #spare: Buffer[] = [];
  readonly #queue: { readonly bytes: number; readonly enter: (buffer: Buffer) => void }[] = [];

  /** `bytes`: what may be held in all. */
  constructor(bytes: number) {
    this.#free = bytes;
  }

  /** Runs `work` with a buffer of `bytes`, never more than the whole pool. It is `work`'s alone until that ends. */
  async use<T>(bytes: number, work: (buffer: Buffer) => Promise<T>): Promise<T> {
    const buffer = (this.#queue.length === 0 ? this.#take(bytes) : undefined) ?? (await new Promise<Buffer>((enter) => this.#queue.push({ bytes, enter })));
    try {
      return await work(buffer.subarray(0, bytes));
    } finally {
      this.#spare.push(buffer);
      this.#admit();
    }
  }

  #take(bytes: number): Buffer | undefined {
    const fitting = this.#spare.filter(({ length }) => length >= bytes && length <= bytes * MOST_SPARE);
    const smallest = fitting.reduce<Buffer | undefined>((least, buffer) => (least && least.length <= buffer.length ? least : buffer), undefined);
    if (smallest) {
      this.#spare.splice(this.#spare.indexOf(smallest), 1);
      return smallest;
    }
    while (this.#free < bytes && this.#spare.length > 0) this.#free += this.#spare.shift()?.length ?? 0;
    if (this.#free < bytes) return undefined;
    this.#free -= bytes;
    return Buffer.from(new SharedArrayBuffer(bytes));
  }

  #admit(): void {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const buffer = this.#take(next.bytes);
      if (!buffer) return;
      this.#queue.shift();
      next.enter(buffer);
    }
  }
}
