import { readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { attend } from '../../src/fleet/attend.ts';
import { takePart } from '../../src/fleet/snapshot/election.ts';
import { warm } from '../../src/fleet/snapshot/warm.ts';
import { sync } from '../../src/fleet/sync.ts';
import { tend } from '../../src/fleet/tend.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { DAY, SETTINGS, fill, names, worker, type Worker } from './support.ts';

afterEach(() => void vi.useRealTimers());

const HOUR = 3_600_000;

/** Does something on a machine whose clock is off. */
async function onClock<T>(off: number, work: () => Promise<T>): Promise<T> {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + off });
  try {
    return await work();
  } finally {
    vi.useRealTimers();
  }
}

/** A worker with so many entries, made on a machine whose clock is off: so are the times of its files. */
function made(store: MemoryStore, off: number, from: number, count: number): Worker {
  const at = worker(store);
  for (const { dir } of fill(at.cache, count, { from })) utimesSync(join(dir, 'entry.json'), (Date.now() + off) / 1000, (Date.now() + off) / 1000);
  return at;
}

describe('a store whose clock was a year ahead for a while', () => {
  async function ahead(): Promise<{ store: MemoryStore; one: Worker }> {
    const store = new MemoryStore(Math.floor(Date.now() / DAY) * DAY + 376 * DAY + 11 * HOUR);
    const one = made(store, 0, 0, 2);
    expect(await takePart(one.fleet)).toBe(true);
    expect(await tend(one.fleet)).toBe(true);
    store.time -= 365 * DAY;
    return { store, one };
  }

  it('has a snapshot a day again, which is the one that is taken', async () => {
    const { store, one } = await ahead();
    fill(one.cache, 1, { from: 7 });
    expect(await takePart(one.fleet)).toBe(true);
    expect(await takePart(one.fleet)).toBe(false);
    expect((await warm(worker(store).fleet, () => undefined)).unpacked).toMatchObject({ made: 3 });
  });

  it('still has what was stored then, and others learn of it', async () => {
    const store = new MemoryStore(Date.now() + 365 * DAY);
    const [one, dead] = [made(store, 0, 0, 1), made(store, 0, 10, 1)];
    for (const { fleet } of [one, dead]) await sync(fleet);
    store.time -= 365 * DAY;
    for (let n = 0; n < 3; n++) {
      expect(await sync(one.fleet)).toMatchObject({ up: 0 });
      store.time += 1000;
    }
    const early = worker(store);
    expect(await sync(early.fleet)).toMatchObject({ down: 1 });
    expect(await tend(one.fleet)).toBe(true);
    expect(one.log.at(-1)).toContain('1 entries mentioned again');
    store.time += 1000;
    expect(await sync(early.fleet)).toMatchObject({ down: 1 });
    expect((await store.list('v1/journal/test-group/')).objects).toHaveLength(2 + 1 + 1);
  });

  it('is looked after, and cleared of what is from then', async () => {
    const { store, one } = await ahead();
    expect(await takePart(one.fleet)).toBe(true);
    expect(await tend(one.fleet)).toBe(true);
    expect(await tend(one.fleet)).toBe(false);
    const { objects } = await store.list('v1/snapshots/');
    expect(objects.map(({ key }) => key.replace(/^.*(claim|pointer|index|pack).*$/, '$1')).sort()).toEqual(['claim', 'index', 'pack', 'pointer']);
  });
});

describe.each([-DAY, DAY])('a worker whose clock is off by a day (%d ms)', (off) => {
  it('gets what others have, gives what it has, and asks no more than others', async () => {
    const store = new MemoryStore();
    const [right, wrong] = [made(store, 0, 0, 2), made(store, off, 10, 1)];
    await sync(right.fleet);
    expect(await onClock(off, () => sync(wrong.fleet))).toEqual({ down: 2, up: 1, behind: 0, over: 0, denied: undefined });
    expect(await sync(right.fleet)).toMatchObject({ down: 1, up: 0 });
    expect(names(right.cache)).toEqual(names(wrong.cache));
    await onClock(off, () => sync(wrong.fleet)); // reads its own record
    store.account();
    store.time += 1000;
    expect(await onClock(off, () => sync(wrong.fleet))).toMatchObject({ down: 0, up: 0 });
    expect(store.account()).toEqual({ list: 2 });
    // As used as it is elsewhere, by its own clock.
    for (const id of wrong.cache.ids()) expect(Math.abs(wrong.cache.lastUsed(id) - (Date.now() + off))).toBeLessThan(60_000);
  });

  it('makes snapshots that others can use, in their time, and none too many', async () => {
    const store = new MemoryStore(Math.floor(Date.now() / DAY) * DAY + 11 * HOUR);
    const skew = store.time - Date.now();
    const [wrong, right] = [made(store, off, 0, 3), made(store, 0, 10, 3)];
    expect(await onClock(off, () => takePart(wrong.fleet))).toBe(true);
    expect(await takePart(right.fleet)).toBe(false);
    const reader = worker(store);
    expect((await warm(reader.fleet, () => undefined)).unpacked).toMatchObject({ made: 3, failed: 0 });
    for (const id of reader.cache.ids()) expect(Math.abs(reader.cache.lastUsed(id) + skew - store.time)).toBeLessThan(60_000);
  });

  it('removes nothing that others need', async () => {
    const store = new MemoryStore();
    const settings = { ...SETTINGS, storeWindow: 10 * DAY };
    const right = made(store, 0, 0, 3);
    await sync(right.fleet);
    const wrong = worker(store, { settings });
    store.time += 9 * DAY; // a day before they may go
    expect(await onClock(off, () => tend(wrong.fleet))).toBe(true);
    expect((await store.list('v1/archives/')).objects).toHaveLength(3);
  });

  it('goes on when its clock has been set right', async () => {
    const store = new MemoryStore();
    const wrong = made(store, off, 0, 1);
    await onClock(off, () => attend(wrong.fleet));
    const other = made(store, 0, 10, 1);
    await sync(other.fleet);
    await attend(wrong.fleet);
    expect(names(wrong.cache)).toEqual(['package-0', 'package-10']);
    expect(wrong.log.filter((line) => line.includes('undefined') || line.includes('NaN'))).toEqual([]);
    expect(readdirSync(wrong.cache.path('claims'))).toEqual([]);
  });
});
