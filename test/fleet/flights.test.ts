import { describe, expect, it } from 'vitest';
import { LOST_AFTER, flightName, flightsOf, signKey, waitForFlights, type Phase } from '../../src/fleet/flights.ts';
import { PkgCacheError } from '../../src/errors.ts';
import { tend } from '../../src/fleet/tend.ts';
import type { Store } from '../../src/store/store.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { overStore } from '../support/over-store.ts';
import { DAY, worker } from './support.ts';

const SET = 'ab'.repeat(16);
const INSTALLING: Phase = { kind: 'installing' };

/** A flight that can be made to say something. */
function flight(store: MemoryStore, set = SET): (phase: Phase) => Promise<unknown> {
  const name = flightName(set, store.time);
  let n = 0;
  return (phase) => store.create(signKey(name, n++, phase), Buffer.alloc(0));
}

/** How often a store is asked while somebody waits, and that he does not wait for ever. */
async function looks(store: Store, limit: number): Promise<number> {
  let asked = 0;
  await waitForFlights(overStore(store, { list: (...args) => (asked++, store.list(...args)) }), SET, limit);
  return asked;
}

describe('flights of a set', () => {
  it('are there until they have landed', async () => {
    const store = new MemoryStore();
    const [one, two, other] = [flight(store), flight(store), flight(store, 'cd'.repeat(16))];
    expect(await flightsOf(store, SET)).toEqual([]);
    for (const say of [one, two, other]) await say(INSTALLING);
    expect(await flightsOf(store, SET)).toEqual([INSTALLING, INSTALLING]);
    await one({ kind: 'storing', took: 1234.5 });
    expect(await flightsOf(store, SET)).toContainEqual({ kind: 'storing', took: 1235 });
    await one({ kind: 'landed' });
    expect(await flightsOf(store, SET)).toEqual([INSTALLING]);
    for (let sign = 0; sign < 12; sign++) await two(INSTALLING);
    await two({ kind: 'landed' });
    expect(await flightsOf(store, SET)).toEqual([]);
  });

  it('are lost when nothing is heard of them, by the clock of the store', async () => {
    const store = new MemoryStore(Date.now() + DAY);
    const say = flight(store);
    await say(INSTALLING);
    store.time += LOST_AFTER - 1;
    expect(await flightsOf(store, SET)).toHaveLength(1);
    store.time += 1;
    expect(await flightsOf(store, SET)).toEqual([]);
    await say(INSTALLING);
    expect(await flightsOf(store, SET)).toHaveLength(1);
  });

  it.each([-1, 1])('are seen though our own clock is off by a day (%d)', async (days) => {
    const store = new MemoryStore(Date.now() + days * DAY);
    await flight(store)(INSTALLING);
    expect(await flightsOf(store, SET)).toHaveLength(1);
  });

  it('are not mixed up by whatever else lies there', async () => {
    const store = new MemoryStore();
    for (const name of ['x', `${flightName(SET, store.time).split('/').at(-1)}.0.flying`, '29990101T000000000Z-ab.x.installing']) store.put(`v1/flights/${SET}/${name}`, Buffer.alloc(0));
    expect(await flightsOf(store, SET)).toEqual([]);
  });

  it('are cleared away after a day', async () => {
    const store = new MemoryStore();
    await flight(store)(INSTALLING);
    await tend(worker(store).fleet);
    expect((await store.list('v1/flights/')).objects).toHaveLength(1);
    store.time += 2 * DAY;
    await tend(worker(store).fleet);
    expect((await store.list('v1/flights/')).objects).toEqual([]);
  });
});

describe('whoever waits', () => {
  it('does not where there is nothing to wait for', async () => {
    expect(await looks(new MemoryStore(), 1e6)).toBe(1);
  });

  it('waits until all have landed', async () => {
    const store = new MemoryStore();
    const flights = [flight(store), flight(store)];
    for (const say of flights) await say(INSTALLING);
    let through = false;
    const waiting = waitForFlights(store, SET, 1e6).then(() => (through = true));
    await flights[0]!({ kind: 'landed' });
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect(through).toBe(false);
    await flights[1]!({ kind: 'landed' });
    await waiting;
  });

  it('gives up when the real installer had needed less', async () => {
    const store = new MemoryStore();
    const say = flight(store);
    await say(INSTALLING);
    await say({ kind: 'storing', took: 100 });
    expect(await looks(store, 1e6)).toBeLessThan(5);
  });

  it('gives up at the limit, also when nobody ever lands', async () => {
    const store = new MemoryStore();
    await flight(store)(INSTALLING);
    expect(await looks(store, 600)).toBeLessThan(5);
  });

  it('gives up when the holder is heard of no more', async () => {
    const store = new MemoryStore();
    await flight(store)(INSTALLING);
    const waiting = waitForFlights(store, SET, 1e6);
    store.time += LOST_AFTER;
    await waiting;
  });

  it('hears at once that the store has gone', async () => {
    const store = new MemoryStore();
    await flight(store)(INSTALLING);
    const gone: Store['list'] = () => Promise.reject(new PkgCacheError('STORE_UNAVAILABLE', 'gone'));
    let asked = 0;
    const failing = overStore(store, { list: (...args) => (asked++ > 0 ? gone(...args) : store.list(...args)) });
    await expect(waitForFlights(failing, SET, 1e6)).rejects.toThrow('gone');
  });
});
