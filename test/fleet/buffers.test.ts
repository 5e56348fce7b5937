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

it('has more than usual in use only for one that is larger than that, alone', async () => {
  const pool = new BufferPool(100, 50);
  const [first, large, second] = [held(pool, 30), held(pool, 80), held(pool, 30)];
  await turn();
  expect([large.has(), second.has()]).toEqual([undefined, undefined]);
  await first.end();
  expect([large.has(), second.has()]).toEqual([expect.objectContaining({ length: 80, byteOffset: 0 }), undefined]);
  await large.end();
  expect(second.has()).toHaveLength(30);
  const third = held(pool, 21);
  await turn();
  expect(third.has()).toBeUndefined();
  await second.end();
  expect(third.has()).toHaveLength(21);
  await third.end();
});

it('uses the same memory again, and as much of it as there is in one piece', async () => {
  const pool = new BufferPool(100);
  const [first, second, third] = [held(pool, 30), held(pool, 30), held(pool, 40)];
  await turn();
  const addresses = (): (number | undefined)[] => [first, second, third].map(({ has }) => has()?.byteOffset);
  expect(addresses()).toEqual([0, 30, 60]);
  expect(new Set([first, second, third].map(({ has }) => has()?.buffer)).size).toBe(1);
  await second.end();
  const again = held(pool, 20);
  await turn();
  expect(again.has()?.byteOffset).toBe(30);
  // 10 and 30 bytes are free, but not side by side.
  await first.end();
  const large = held(pool, 41);
  await turn();
  expect(large.has()).toBeUndefined();
  await again.end();
  expect(large.has()?.byteOffset).toBe(0);
  await third.end();
  await large.end();
  expect(await pool.use(100, (buffer) => Promise.resolve(buffer.byteOffset))).toBe(0);
});

it('hands out buffers that do not overlap', async () => {
  const pool = new BufferPool(1000);
  let most = 0;
  let inUse = 0;
  const work = async (n: number): Promise<void> => {
    await pool.use(1 + ((n * 7919) % 400), async (buffer) => {
      most = Math.max(most, (inUse += buffer.length));
      buffer.fill(n % 251);
      for (let turns = n % 5; turns >= 0; turns--) await turn();
      expect(buffer.every((byte) => byte === n % 251)).toBe(true);
      inUse -= buffer.length;
    });
  };
  await Promise.all(Array.from({ length: 200 }, (_, n) => work(n)));
  expect(most).toBeGreaterThan(500);
  expect(most).toBeLessThanOrEqual(1000);
});

it('goes on after work that failed', async () => {
  const pool = new BufferPool(10);
  await expect(pool.use(10, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await pool.use(10, (buffer) => Promise.resolve(buffer.length))).toBe(10);
});
