import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { payloadSize } from './backend.ts';
import type { Payload, Store, StoredObject } from './store.ts';

/** The same store, of which no more than `bandwidth` bytes per second go either way, all in all and on average. */
export function throttled(store: Store, bandwidth: number): Store {
  const line = new Line(bandwidth);
  return {
    label: store.label,
    get: async (key, range) => slowed(await store.get(key, range), line),
    create: async (key, payload) => {
      if (!isStream(payload)) await line.take(payloadSize(payload));
      return await store.create(key, isStream(payload) ? { ...payload, pieces: paced(payload.pieces, line) } : payload);
    },
    list: (prefix, options) => store.list(prefix, options),
    remove: (key) => store.remove(key),
    tidy: () => store.tidy(),
    now: () => store.now(),
    close: () => store.close(),
  };
}

/** Pauses shorter than this (ms) are saved up: timers are not that exact. */
const SHORT = 5;

class Line {
  readonly #bandwidth: number;
  /** From when on the line is free again, in milliseconds. */
  #free = 0;

  constructor(bandwidth: number) {
    this.#bandwidth = bandwidth;
  }

  /** Returns when so many bytes may be on their way. */
  async take(bytes: number): Promise<void> {
    const now = performance.now();
    this.#free = Math.max(this.#free, now) + (bytes / this.#bandwidth) * 1000;
    if (this.#free - now > SHORT) await sleep(this.#free - now);
  }
}

function isStream(payload: Payload): payload is Extract<Payload, { pieces: unknown }> {
  return !(payload instanceof Uint8Array) && 'pieces' in payload;
}

function slowed(object: StoredObject | undefined, line: Line): StoredObject | undefined {
  return object && { size: object.size, body: Readable.from(paced(object.body as AsyncIterable<Uint8Array>, line), { objectMode: false }) };
}

async function* paced(pieces: AsyncIterable<Uint8Array>, line: Line): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    await line.take(piece.byteLength);
    yield piece;
  }
}
