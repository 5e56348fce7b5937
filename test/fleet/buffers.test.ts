import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { BufferPool } from '../../src/fleet/buffers.ts';

/** Work that ends when it is told. */
function held(pool: BufferPool, bytes: number) {
  let buffer: Buffer | undefined;
  let end = (): void => undefined;
  const over = pool.use(bytes, async (own) => {
    buffer = own;
    await new Promise<void>((resolve) => (end = resolve));
  });
  return {
    has: () => buffer,
    end: async () => {
      end();
      await over;
      await turn();
    },
  };
}

it('has no more in use than it may, and lets whoever waits in by turns', async () => {
  const pool = new BufferPool(100);
  const [first, second, third] = [held(pool, 60), held(pool, 60), held(pool, 10)];
  await turn();
  expect(first.has()).toHaveLength(60);
  // The third would fit, but was not first.
  expect([second.has(), third.has()]).toEqual([undefined, undefined]);
  await first.end();
  expect([second.has(), third.has()]).toEqual([expect.objectContaining({ length: 60 }), expect.objectContaining({ length: 10 })]);
  await second.end();
  await third.end();
});

it('uses the same memory again, but not much of it for little', async () => {
  const pool = new BufferPool(100);
  const memoryOf = async (bytes: number): Promise<ArrayBufferLike> => await pool.use(bytes, (buffer) => Promise.resolve(buffer.buffer));
  const large = await memoryOf(80);
  expect(await memoryOf(80)).toBe(large);
  expect(await memoryOf(40)).toBe(large);
  const small = await memoryOf(10);
  expect(small).not.toBe(large);
  expect(await memoryOf(9)).toBe(small);
  // What is spare makes way.
  expect(await memoryOf(100)).toHaveProperty('byteLength', 100);
});

it('goes on after work that failed', async () => {
  const pool = new BufferPool(10);
  await expect(pool.use(10, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await pool.use(10, (buffer) => Promise.resolve(buffer.length))).toBe(10);
});
