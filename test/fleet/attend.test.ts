import { describe, expect, it } from 'vitest';
import { PkgCacheError } from '../../src/errors.ts';
import { attend, isDue } from '../../src/fleet/attend.ts';
import type { Fleet } from '../../src/fleet/fleet.ts';
import { mayBeDue } from '../../src/fleet/start.ts';
import { FleetState } from '../../src/fleet/state.ts';
import { buildSnapshot } from '../../src/fleet/snapshot/build.ts';
import { packCache } from '../../src/fleet/snapshot/election.ts';
import { periodName } from '../../src/fleet/snapshot/format.ts';
import { warm } from '../../src/fleet/snapshot/warm.ts';
import { bringDown } from '../../src/fleet/sync-down.ts';
import { sendUp } from '../../src/fleet/sync-up.ts';
import { sync } from '../../src/fleet/sync.ts';
import { tempCache } from '../cache/support.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { overStore } from '../support/over-store.ts';
import { SETTINGS, fill, names, worker } from './support.ts';

const EVERY = { syncEvery: 600_000 };

/** What a worker remembers who was last at it so many milliseconds ago. */
function since(ms: number): FleetState {
  const state = new FleetState(tempCache(), 'test');
  state.update({ triedAt: Date.now() - ms });
  return state;
}

describe('the next sync', () => {
  it('of workers that were last at it together is spread over a fifth of the interval', () => {
    const dueAfter = (ms: number): number => Array.from({ length: 100 }, (_, n) => n / 100).filter((chance) => isDue(EVERY, since(ms), chance)).length;
    expect(dueAfter(530_000)).toBe(0);
    expect(dueAfter(570_000)).toBeCloseTo(25, -1);
    expect(dueAfter(630_000)).toBeCloseTo(75, -1);
    expect(dueAfter(670_000)).toBe(100);
  });

  it('is due at once for who never was, and for who was in the future by a clock that was wrong', () => {
    expect(isDue(EVERY, new FleetState(tempCache(), 'test'))).toBe(true);
    expect(isDue(EVERY, since(-86_400_000))).toBe(true);
    expect(isDue(EVERY, since(-1000))).toBe(false);
  });

  it('is never due for who is told not to', () => {
    expect(isDue({ syncEvery: 0 }, since(1e12))).toBe(false);
    expect(mayBeDue(tempCache(), 'test', 0)).toBe(false);
  });
});

describe('a worker that was never warm', () => {
  it('begins with the snapshot, and once; then the journal is enough', async () => {
    const store = new MemoryStore();
    const one = worker(store);
    fill(one.cache, 4);
    await buildSnapshot({ ...one.fleet, period: periodName(store.time), limit: 1e9, journal: undefined, ahead: 0 });
    const settings = { ...SETTINGS, snapshotEvery: 0 };
    const two = worker(store, { settings });
    await attend(two.fleet);
    expect(names(two.cache)).toHaveLength(4);
    expect(two.log.join()).toContain('warm: snapshot');
    const list = store.list.bind(store);
    store.list = (prefix, options) => (expect(prefix).not.toContain('snapshots'), list(prefix, options));
    await attend(two.fleet);
  });
});

it('a snapshot that the store does not give is tried three times, and then what others store comes one by one', async () => {
  const store = new MemoryStore();
  const one = worker(store);
  fill(one.cache, 3);
  await sync(one.fleet);
  await packCache(one.fleet, periodName(store.time), store.time);
  const withheld = overStore(store, { get: (key, range) => (key.endsWith('.pack') ? Promise.reject(new PkgCacheError('STORE_DENIED', 'not this one')) : store.get(key, range)) });
  const two = worker(withheld, { settings: { ...SETTINGS, snapshotEvery: 0 } });
  const after: number[] = [];
  for (let n = 0; n < 3; n++) {
    await attend(two.fleet);
    after.push(names(two.cache).length);
  }
  expect(after).toEqual([0, 0, 3]);
  expect(two.log.join()).toContain('warm: not this one');
});

it('a store that is down is not asked again before the next interval', async () => {
  const store = new MemoryStore();
  store.list = () => Promise.reject(new PkgCacheError('STORE_UNAVAILABLE', 'is down'));
  const one = worker(store);
  await attend(one.fleet);
  expect(one.log).toEqual(['sync: is down']);
  expect(isDue(EVERY, one.fleet.state)).toBe(false);
});

it('the first interval begins when it is asked for, and then it is under way', () => {
  const state = new FleetState(tempCache(), 'test');
  expect(state.begin()).toBe(true);
  expect(isDue(EVERY, state)).toBe(false);
  expect(state.begin()).toBe(false);
});

describe('told to stop, or as long as an install is at work', () => {
  const stop = new Error('stop');

  it.each<[string, (fleet: Fleet) => Promise<unknown>, string]>([
    ['sending', sendUp, '/'],
    ['bringing down', bringDown, '/pip/'],
    ['making a snapshot', async (fleet) => await packCache(fleet, periodName(0), 0), '/'],
    ['warming up', async (fleet) => await warm(fleet, () => undefined), '.pack'],
    ['all of it', attend, '.pack'],
  ])('%s does not begin', async (_what, work, untouched) => {
    const memory = new MemoryStore();
    const other = worker(memory);
    fill(other.cache, 1, { from: 7 });
    await sync(other.fleet);
    await packCache(other.fleet, periodName(memory.time), memory.time);
    const asked: string[] = [];
    const store = overStore(memory, {
      get: (key, range) => (asked.push(key), memory.get(key, range)),
      create: async (key, payload) => {
        if (typeof payload === 'object' && 'pieces' in payload) for await (const piece of payload.pieces) asked.push(`${key} ${piece.length}`);
        return (asked.push(key), 'created');
      },
    });
    const one = worker(store, { pace: { between: () => Promise.reject(stop) } });
    fill(one.cache, 2);
    await expect(work(one.fleet)).rejects.toBe(stop);
    expect(asked.filter((key) => key.includes(untouched))).toEqual([]);
  });
});
