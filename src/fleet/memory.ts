/** Bounds what is held in memory at once: whoever wants more than is left waits for its turn, first come, first served. */
export class MemoryBudget {
  #free: number;
  readonly #queue: { readonly bytes: number; readonly enter: () => void }[] = [];

  /** `bytes`: what may be held in all. */
  constructor(bytes: number) {
    this.#free = bytes;
  }

  /** Runs `work`, which holds up to `bytes`; never more than the whole budget. */
  async run<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (this.#queue.length > 0 || bytes > this.#free) await new Promise<void>((enter) => this.#queue.push({ bytes, enter }));
    else this.#free -= bytes;
    try {
      return await work();
    } finally {
      this.#free += bytes;
      this.#admit();
    }
  }

  #admit(): void {
    for (let next = this.#queue[0]; next !== undefined && next.bytes <= this.#free; next = this.#queue[0]) {
      this.#queue.shift();
      this.#free -= next.bytes;
      next.enter();
    }
  }
}
