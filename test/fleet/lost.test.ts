import { describe, expect, it } from 'vitest';
import { Known } from '../../src/fleet/known.ts';
import { attend } from '../../src/fleet/attend.ts';
import { originalKey, pointerKey } from '../../src/fleet/objects.ts';
import { packCache } from '../../src/fleet/snapshot/election.ts';
import { periodName } from '../../src/fleet/snapshot/format.ts';
import { sync, type Synced } from '../../src/fleet/sync.ts';
import { tend } from '../../src/fleet/tend.ts';
import { describeFleet } from '../../src/cli/fleet-status.ts';
import { listAll } from '../../src/fleet/small.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { DAY, fill, keyOf, makeOriginal, originalKeyOf, worker, type Worker } from './support.ts';

const MINUTE = 60_000;

function run({ cache, fleet }: Worker): Promise<Synced> {
  return sync({ ...fleet, known: new Known(cache, 'test') });
}

async function removeAll(store: MemoryStore, isHit: (key: string) => boolean = () => true): Promise<void> {
  for (const { key } of await listAll(store, 'v1/')) if (isHit(key)) await store.remove(key);
}

const pointers = async (store: MemoryStore): Promise<number> => (await listAll(store, 'v1/pip/')).length;

describe('a bucket that was emptied', () => {
  it('is filled again with the next sync by who has synced with it before', async () => {
    const store = new MemoryStore();
    const one = worker(store);
    fill(one.cache, 5);
    await run(one);
    store.time += 10 * MINUTE;
    await run(one);
    await removeAll(store);
    store.time += 10 * MINUTE;
    expect(await run(one)).toMatchObject({ up: 5 });
    expect(await run(worker(store))).toMatchObject({ down: 5 });
    store.time += 10 * MINUTE;
    expect(await run(one)).toMatchObject({ up: 0 });
  });

  it('also where another has begun to fill it, and by who had read nothing yet', async () => {
    const store = new MemoryStore();
    const [one, two] = [worker(store), worker(store)];
    fill(one.cache, 5);
    await run(one);
    await run(two);
    await run(one);
    await removeAll(store);
    store.time += 10 * MINUTE;
    const other = worker(store);
    fill(other.cache, 2, { from: 10 });
    await run(other);
    store.time += MINUTE;
    expect(await run(two)).toMatchObject({ up: 5 });
    const bucket = new MemoryStore(store.time);
    const alone = worker(bucket);
    fill(alone.cache, 3);
    await run(alone); // has written, and not read what it has written
    await removeAll(bucket);
    expect(await run(alone)).toMatchObject({ up: 3 });
  });

  it('has no snapshot any more, and status names none', async () => {
    const store = new MemoryStore();
    const one = worker(store);
    fill(one.cache, 5);
    await run(one);
    await run(one);
    await packCache(one.fleet, periodName(store.time), store.time);
    expect(describeFleet(one.fleet.state.read())).toContain('newest snapshot');
    await removeAll(store);
    store.time += 10 * MINUTE;
    await run(one);
    expect(describeFleet(one.fleet.state.read())).not.toContain('newest snapshot');
  });

  it('is told from one whose records were put together, or are a listing behind', async () => {
    const store = new MemoryStore();
    const one = worker(store);
    fill(one.cache, 5);
    await run(one);
    await run(one);
    store.time += 4 * DAY;
    const other = worker(store);
    expect(await tend(other.fleet)).toBe(true);
    store.account();
    expect(await run(one)).toMatchObject({ up: 0 });
    expect(one.log.join()).not.toContain('does not have any more');
    const list = store.list.bind(store);
    store.list = async (prefix, options) => (prefix.includes('/journal/') ? { objects: [], next: undefined } : list(prefix, options));
    expect(await run(one)).toMatchObject({ up: 0 });
    expect(one.log.join()).not.toContain('does not have any more');
  });

  it('costs nothing while it is not', async () => {
    const store = new MemoryStore();
    const one = worker(store);
    fill(one.cache, 5);
    await run(one);
    await run(one);
    store.time += MINUTE;
    store.account();
    await run(one);
    expect(store.account()).toEqual({ list: 2 });
  });
});

describe('a bucket that lost some objects', () => {
  it('gets them back within a day from whoever has them, though they are mentioned every day', async () => {
    const store = new MemoryStore();
    const [one, two] = [worker(store), worker(store)];
    fill(one.cache, 5);
    makeOriginal(one.cache, originalKeyOf('left'), Buffer.from('a tarball'));
    await run(one);
    await run(two);
    const sha512 = one.cache.lookup(originalKeyOf('left'))!.entry.archive.sha512!;
    await removeAll(store, (key) => [pointerKey(keyOf(1)), pointerKey(keyOf(3)), originalKey(sha512)].includes(key) || key.includes('/archives/'));
    store.time += DAY;
    expect(await tend(two.fleet)).toBe(true);
    store.time += MINUTE;
    expect(await run(one)).toMatchObject({ up: 3 });
    expect(await pointers(store)).toBe(5);
    store.time += DAY;
    expect(await tend(two.fleet)).toBe(true);
    expect(two.log.filter((line) => line.includes('not in the store any more'))).toHaveLength(1);
  });

  it('gets an archive back that somebody missed at three syncs', async () => {
    const store = new MemoryStore();
    const one = worker(store);
    fill(one.cache, 3);
    await run(one);
    await removeAll(store, (key) => key.includes('/archives/'));
    const late = worker(store);
    for (let n = 0; n < 3; n++) {
      expect(await run(late)).toMatchObject({ down: 0 });
      store.time += 10 * MINUTE;
    }
    expect(await run(one)).toMatchObject({ up: 3 });
    store.time += MINUTE;
    expect(await run(late)).toMatchObject({ down: 3 });
  });

  it('makes nobody write who may only read', async () => {
    const store = new MemoryStore();
    const one = worker(store);
    fill(one.cache, 3);
    await run(one);
    await removeAll(store, (key) => key.includes('/archives/'));
    const reader = worker(store, { readOnly: true });
    store.account();
    for (let n = 0; n < 4; n++) await attend(reader.fleet);
    expect(store.account()['create']).toBeUndefined();
  });
});
