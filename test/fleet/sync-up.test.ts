import { describe, expect, it } from 'vitest';
import { PkgCacheError } from '../../src/errors.ts';
import type { Fleet } from '../../src/fleet/fleet.ts';
import { decodeRecord, journalOf } from '../../src/fleet/journal.ts';
import { Known } from '../../src/fleet/known.ts';
import { sync, type Synced } from '../../src/fleet/sync.ts';
import type { Store } from '../../src/store/store.ts';
import { failure, read } from '../store/helpers.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { overStore } from '../support/over-store.ts';
import { DAY, fill, keyOf, names, worker, type Worker } from './support.ts';

const down = new PkgCacheError('STORE_UNAVAILABLE', 'is down');

/** A run of sync, as a process of its own. */
function run({ cache, fleet }: Worker, over: Partial<Fleet> = {}): Promise<Synced> {
  return sync({ ...fleet, known: new Known(cache, 'test'), ...over });
}

/** A store that takes nothing whose key has these words in it, once it has taken so many of them. */
function refusing(store: Store, words: string, taken = 0): Store {
  let left = taken;
  return overStore(store, { create: (key, payload) => (key.includes(words) && left-- <= 0 ? Promise.reject(down) : store.create(key, payload)) });
}

/** How many entries the journal of the group names. */
async function mentioned(store: Store): Promise<number> {
  const records = await Promise.all((await store.list(journalOf('test-group'))).objects.map(async ({ key }) => decodeRecord((await read(store, key))!)));
  return records.flat().length;
}

describe('what the store did not take', () => {
  it('goes up days later, though nobody has used it since', async () => {
    const store = new MemoryStore();
    const one = worker(store);
    fill(one.cache, 2);
    expect(await failure(run(one, { store: refusing(store, '/archives/') }))).toBe(down);
    for (const n of [0, 1]) one.cache.touch(one.cache.lookup(keyOf(n))!, store.time - 30 * DAY);
    expect(await run(one)).toMatchObject({ up: 2 });
    expect(await run(worker(store))).toMatchObject({ down: 2 });
  });

  it('and what others could not be told of is told the next time', async () => {
    const store = new MemoryStore();
    const one = worker(store);
    fill(one.cache, 2);
    expect(await failure(run(one, { store: refusing(store, '/journal/') }))).toBe(down);
    expect(await run(worker(store))).toMatchObject({ down: 0 });
    expect(await run(one)).toMatchObject({ up: 0 });
    expect(await run(worker(store))).toMatchObject({ down: 2 });
  });

  it('keeps nobody from learning of what was sent long before', async () => {
    const store = new MemoryStore();
    const one = worker(store);
    fill(one.cache, 220, { bytes: 10 });
    expect(await failure(run(one, { store: refusing(store, '/archives/', 210) }))).toBe(down);
    expect(await mentioned(store)).toBe(200);
  });
});

it('what is in use is mentioned again without asking whether it is there', async () => {
  const store = new MemoryStore();
  const one = worker(store);
  fill(one.cache, 5);
  await run(one);
  store.time += 2 * DAY;
  for (const n of [0, 1, 2, 3, 4]) one.cache.touch(one.cache.lookup(keyOf(n))!, store.time);
  store.account();
  await run(one);
  // Two journals are listed, in one of which is what we have written ourselves, and in which it is said again.
  expect(store.account()).toEqual({ list: 2, get: 1, create: 1 });
  expect(await mentioned(store)).toBe(10);
});

it('what was used in the future, by a clock that was wrong, is mentioned once a day all the same', async () => {
  const store = new MemoryStore();
  const one = worker(store);
  const [local] = fill(one.cache, 1);
  one.cache.touch(local!, Date.now() + 400 * DAY);
  for (let n = 0; n < 3; n++) {
    await run(one);
    store.time += 600_000;
  }
  expect(await mentioned(store)).toBe(1);
  store.time += DAY;
  await run(one);
  expect(await mentioned(store)).toBe(2);
});

it('what must not be shared stays here', async () => {
  const store = new MemoryStore();
  const one = worker(store, { allowed: ({ name }) => name !== 'package-1' });
  fill(one.cache, 3);
  expect(await run(one)).toMatchObject({ up: 2 });
  const two = worker(store);
  await run(two);
  expect(names(two.cache)).toEqual(['package-0', 'package-2']);
});

describe('a worker that may not write', () => {
  it('tries again after some hours, and goes on when it may', async () => {
    const store = new MemoryStore();
    const one = worker(store);
    fill(one.cache, 1);
    one.fleet.state.update({ deniedAt: Date.now() - DAY / 24 });
    expect(await run(one)).toMatchObject({ up: 0 });
    one.fleet.state.update({ deniedAt: Date.now() - DAY });
    expect(await run(one)).toMatchObject({ up: 1 });
    expect(one.fleet.state.read().deniedAt).toBeUndefined();
  });

  it('because it is told not to does not', async () => {
    const store = new MemoryStore();
    const one = worker(store, { readOnly: true });
    fill(one.cache, 1);
    expect(await run(one)).toEqual({ down: 0, up: 0, behind: 0, over: 0, denied: undefined });
    expect((await store.list('')).objects).toEqual([]);
  });
});
