import { buffer } from 'node:stream/consumers';
import { expect, it } from 'vitest';
import { throttled } from '../../src/store/throttle.ts';
import { MemoryStore } from '../support/memory-store.ts';

const BANDWIDTH = 1e6;
const PART = 100_000;

/** Bytes per second of what some work moves. */
async function rate(bytes: number, work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return (bytes / (performance.now() - began)) * 1000;
}

it('no more goes either way than may, all in all, however many are at it', async () => {
  const store = throttled(new MemoryStore(), BANDWIDTH);
  const keys = Array.from({ length: 5 }, (_, n) => `v1/${n}`);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let n = 0; n < 5; n++) yield Buffer.alloc(PART / 5);
  }
  const up = await rate(5 * PART, () => Promise.all(keys.map((key, n) => store.create(key, n === 0 ? { pieces: pieces(), atMost: PART } : Buffer.alloc(PART)))));
  expect(up).toBeLessThan(BANDWIDTH * 1.1);
  const down = await rate(5 * PART, () => Promise.all(keys.map(async (key) => expect(await buffer((await store.get(key))!.body)).toHaveLength(PART))));
  expect(down).toBeLessThan(BANDWIDTH * 1.1);
});
