import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PkgCacheError } from '../../src/errors.ts';
import type { Fleet } from '../../src/fleet/fleet.ts';
import { journalOf, writeRecords } from '../../src/fleet/journal.ts';
import { archiveKey, decodePointer, pointerKey } from '../../src/fleet/objects.ts';
import { push } from '../../src/fleet/push.ts';
import { buildSnapshot } from '../../src/fleet/snapshot/build.ts';
import { periodName } from '../../src/fleet/snapshot/format.ts';
import { warm } from '../../src/fleet/snapshot/warm.ts';
import { sync } from '../../src/fleet/sync.ts';
import { tend } from '../../src/fleet/tend.ts';
import type { Store } from '../../src/store/store.ts';
import { published } from '../cache/support.ts';
import { read } from '../store/helpers.ts';
import { overStore } from '../support/over-store.ts';
import { DAY, SETTINGS, contentsOf, directoryStore, fill, keyOf, makeOriginal, names, originalKeyOf, worker, type Worker } from './support.ts';

const later = (store: Store, ms: number): Store => overStore(store, { now: async () => Date.now() + ms });
const keys = async (store: Store, prefix: string): Promise<string[]> => (await store.list(prefix)).objects.map(({ key }) => key);

async function filled(store: Store, over: Partial<Fleet> = {}, count = 3): Promise<Worker> {
  const made = worker(store, over);
  fill(made.cache, count);
  await sync(made.fleet);
  return made;
}

it('is done by one worker a day', async () => {
  const { store } = await directoryStore();
  const workers = await Promise.all([filled(store), filled(store), filled(store)]);
  const tendAt = (ms: number) => Promise.all(workers.map(({ fleet }) => tend({ ...fleet, store: later(store, ms) })));
  expect((await tendAt(0)).filter(Boolean)).toHaveLength(1);
  expect((await tendAt(1000)).filter(Boolean)).toHaveLength(0);
  expect((await tendAt(DAY)).filter(Boolean)).toHaveLength(1);
});

it('is done as far as it goes by who may not remove anything', async () => {
  const { store, root } = await directoryStore();
  const one = await filled(store, { settings: { ...SETTINGS, storeWindow: 10 * DAY } });
  rmSync(join(root, journalOf('test-group')), { recursive: true });
  let asked = 0;
  const denied = (): Promise<never> => Promise.reject(new PkgCacheError('STORE_DENIED', 'may not remove'));
  const careful = (ms: number): Fleet => ({ ...one.fleet, store: overStore(later(store, ms), { remove: () => (asked++, denied()), tidy: denied }) });
  expect(await tend(careful(0))).toBe(true);
  expect(one.log.join()).toContain('3 entries mentioned again');
  expect(await tend(careful(20 * DAY))).toBe(true);
  expect(asked).toBe(1);
  expect(one.log.filter((line) => line.includes('may not remove'))).toHaveLength(3);
  expect(one.log.at(-1)).toContain('0 unused entries and 0 abandoned uploads removed');
  expect(await keys(store, 'v1/pip/')).toHaveLength(3);
});

it('looks after the journal of what fits every machine once, whatever the groups', async () => {
  const { store } = await directoryStore();
  const [one, two] = [worker(store), worker(store, { group: 'other-machines' })];
  makeOriginal(one.cache, originalKeyOf('from-registry'), Buffer.from('a tarball'));
  await sync(one.fleet);
  for (const { fleet } of [one, two]) await tend({ ...fleet, store: later(store, 9 * DAY) });
  expect(await keys(store, journalOf('any'))).toEqual([]);
  expect([one, two].map(({ log }) => /, (\d) records/.exec(log.join())?.[1])).toEqual(['1', '0']);
});

it('mentions again what the journal has lost', async () => {
  const { store, root } = await directoryStore();
  const one = await filled(store);
  rmSync(join(root, journalOf('test-group')), { recursive: true });
  const two = worker(store);
  expect(await sync(two.fleet)).toMatchObject({ down: 0 });
  expect(await tend(one.fleet)).toBe(true);
  expect(one.log.join()).toContain('3 entries mentioned again');
  expect(await sync(two.fleet)).toMatchObject({ down: 3 });
});

describe('the journal', () => {
  it('becomes one record a day, of which everybody still learns all', async () => {
    const { store } = await directoryStore();
    const one = await filled(store);
    for (const key of await keys(store, journalOf('test-group'))) await store.remove(key);
    const noon = Math.floor(Date.now() / DAY) * DAY + DAY / 2;
    for (const n of [0, 1, 2]) await writeRecords(store, 'test-group', [{ key: keyOf(n), size: 1 }], noon + n);
    const five = { ...one.fleet, store: later(store, 5 * DAY) };
    await tend(five);
    expect(await keys(store, journalOf('test-group'))).toEqual([expect.stringContaining('T235959999Z-day')]);
    const two = worker(later(store, 5 * DAY));
    expect(await sync(two.fleet)).toMatchObject({ down: 3 });
    // What was read before is not missed by who has read half of the day.
    expect(await sync({ ...two.fleet, store: later(store, 5 * DAY) })).toMatchObject({ down: 0 });
  });

  it('forgets what is older than the window', async () => {
    const { store } = await directoryStore();
    const one = await filled(store);
    await tend({ ...one.fleet, store: later(store, 7.5 * DAY) });
    expect(await keys(store, journalOf('test-group'))).toHaveLength(1);
    await tend({ ...one.fleet, store: later(store, 9 * DAY) });
    expect(await keys(store, journalOf('test-group'))).toHaveLength(0);
  });
});

describe('snapshots', () => {
  it('of which two newer ones are there go, and what was never finished; nobody loses the way', async () => {
    const { store } = await directoryStore();
    const one = await filled(store);
    const start = Math.floor(Date.now() / DAY) * DAY;
    for (const day of [0, 1, 2, 3]) await buildSnapshot({ ...one.fleet, period: periodName(start - day * DAY), limit: 1e9, journal: undefined, ahead: 0 });
    await store.create(`v1/snapshots/test-group/${periodName(start)}/claim-0`, Buffer.from('x'));
    await store.create(`v1/snapshots/test-group/${periodName(start)}/orphan.pack`, Buffer.from('x'));
    await tend(one.fleet);
    expect(await keys(store, 'v1/snapshots/')).toHaveLength(14);
    await tend({ ...one.fleet, store: later(store, 2 * DAY) });
    const left = await keys(store, 'v1/snapshots/');
    expect(left.filter((key) => key.endsWith('/pointer'))).toEqual(left.filter((key) => key.endsWith('.pack')).map((key) => key.replace(/[^/]+$/, 'pointer')));
    expect(left.every((key) => !key.includes('orphan') && !key.includes('claim'))).toBe(true);
    expect((await warm(worker(store).fleet, () => undefined)).unpacked).toMatchObject({ made: 3, failed: 0 });
  });
});

describe('what nobody uses any more', () => {
  const settings = { ...SETTINGS, storeWindow: 10 * DAY };

  it('stays, unless the operator wants it to go', async () => {
    const { store } = await directoryStore();
    const one = await filled(store);
    await tend({ ...one.fleet, store: later(store, 100 * DAY) });
    expect(await keys(store, 'v1/pip/')).toHaveLength(3);
  });

  it('goes with its archive, and what is in use stays', async () => {
    const { store } = await directoryStore();
    const one = worker(store, { settings });
    fill(one.cache, 3);
    makeOriginal(one.cache, originalKeyOf('old'), Buffer.from('old'));
    await sync(one.fleet);
    await writeRecords(store, 'another-group', [{ key: keyOf(1), size: 1 }], Date.now() + 5 * DAY);
    await tend({ ...one.fleet, store: later(store, 9 * DAY) });
    expect(await keys(store, 'v1/archives/')).toHaveLength(3);
    await tend({ ...one.fleet, store: later(store, 12 * DAY) });
    expect(await keys(store, 'v1/pip/')).toEqual([pointerKey(keyOf(1))]);
    expect(await keys(store, 'v1/archives/')).toHaveLength(1);
    expect(await keys(store, 'v1/originals/')).toEqual([]);
  });

  it('leaves the archive to those who have the same files under another key', async () => {
    const { store } = await directoryStore();
    const one = worker(store, { settings });
    for (const origin of ['index', 'mirror']) published(one.cache, { key: { ...keyOf(0), origin }, contents: contentsOf(0) });
    await sync(one.fleet);
    expect([await keys(store, 'v1/pip/'), await keys(store, 'v1/archives/')].map(({ length }) => length)).toEqual([2, 1]);
    await writeRecords(store, 'test-group', [{ key: { ...keyOf(0), origin: 'mirror' }, size: 1 }], Date.now() + 5 * DAY);
    await tend({ ...one.fleet, store: later(store, 12 * DAY) });
    expect(await keys(store, 'v1/pip/')).toEqual([pointerKey({ ...keyOf(0), origin: 'mirror' })]);
    expect(await keys(store, 'v1/archives/')).toHaveLength(1);
  });

  it('and is used again is stored anew, also where a pointer was left without its archive', async () => {
    const { store, root } = await directoryStore();
    const one = await filled(store, {}, 1);
    const pointer = decodePointer((await read(store, pointerKey(keyOf(0))))!, keyOf(0));
    await store.remove(archiveKey(pointer.archive.sha256));
    expect(await push(one.cache, store, one.cache.lookup(keyOf(0))!)).toBe('created');
    const two = worker(store);
    expect(await sync(two.fleet)).toMatchObject({ down: 1 });
    expect(names(two.cache)).toEqual(['package-0']);
    writeFileSync(join(root, pointerKey(keyOf(0))), 'damaged');
    expect(await push(one.cache, store, one.cache.lookup(keyOf(0))!)).toBe('exists');
  });
});
