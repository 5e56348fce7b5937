import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { entryId } from '../../src/cache/entry.ts';
import type { LocalEntry } from '../../src/cache/local.ts';
import { PkgCacheError } from '../../src/errors.ts';
import type { Fleet } from '../../src/fleet/fleet.ts';
import { encodeRecord, journalOf, recordKey, recordTime, refOf, writeRecords } from '../../src/fleet/journal.ts';
import { archiveKey, decodePointer, originalKey, pointerKey } from '../../src/fleet/objects.ts';
import { push } from '../../src/fleet/push.ts';
import { buildSnapshot } from '../../src/fleet/snapshot/build.ts';
import { periodName } from '../../src/fleet/snapshot/format.ts';
import { warm } from '../../src/fleet/snapshot/warm.ts';
import { sync } from '../../src/fleet/sync.ts';
import { tend } from '../../src/fleet/tend.ts';
import type { Store } from '../../src/store/store.ts';
import { published } from '../cache/support.ts';
import { read } from '../store/helpers.ts';
import { MemoryStore } from '../support/memory-store.ts';
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

it('is asked for once a day, also by who has just started, and never by who may not write', async () => {
  const store = new MemoryStore();
  const one = worker(store);
  expect(await tend(one.fleet)).toBe(true);
  store.account();
  expect(await tend(one.fleet)).toBe(false);
  const denied = worker(store);
  denied.fleet.state.update({ deniedAt: Date.now() });
  expect(await tend(denied.fleet)).toBe(false);
  expect(store.account()).toEqual({});
  expect(await tend(worker(store).fleet)).toBe(false);
  expect(store.account()).toEqual({ create: 1 });
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
  expect(asked).toBe(3); // one that is kept is no reason to leave the others
  expect(one.log.filter((line) => line.includes('may not remove'))).toHaveLength(3);
  expect(one.log.at(-1)).toContain('0 unused entries and 0 abandoned uploads removed');
  expect(await keys(store, 'v1/pip/')).toHaveLength(3);
});

it('looks after the journal of what fits every machine once, whatever the groups', async () => {
  const store = new MemoryStore();
  const [one, two] = [worker(store), worker(store, { group: 'other-machines' })];
  makeOriginal(one.cache, originalKeyOf('from-registry'), Buffer.from('a tarball'));
  await sync(one.fleet);
  store.time += 9 * DAY;
  const listed: string[] = [];
  const listing = overStore(store, { list: (prefix, options) => (listed.push(prefix), store.list(prefix, options)) });
  for (const { fleet } of [one, two]) expect(await tend({ ...fleet, store: listing })).toBe(true);
  expect(await keys(store, journalOf('any'))).toEqual([]);
  expect([one, two].map(({ log }) => /, (\d) records/.exec(log.join())?.[1])).toEqual(['1', '0']);
  expect(listed.filter((prefix) => prefix === journalOf('any'))).toHaveLength(1);
});

describe('what the journal has lost', () => {
  it('is mentioned again', async () => {
    const { store, root } = await directoryStore();
    const one = await filled(store);
    rmSync(join(root, journalOf('test-group')), { recursive: true });
    const two = worker(store);
    expect(await sync(two.fleet)).toMatchObject({ down: 0 });
    expect(await tend(one.fleet)).toBe(true);
    expect(one.log.join()).toContain('3 entries mentioned again');
    expect(await sync(two.fleet)).toMatchObject({ down: 3 });
  });

  it('is mentioned again for all platforms that are here, though a pointer is damaged', async () => {
    const { store, root } = await directoryStore();
    const one = await filled(store);
    published(one.cache, { key: { ...keyOf(7), platform: 'cpython-313' } });
    await sync(one.fleet);
    rmSync(join(root, journalOf('test-group')), { recursive: true });
    writeFileSync(join(root, pointerKey(keyOf(1))), 'damaged');
    expect(await tend(one.fleet)).toBe(true);
    expect(one.log.join()).toMatch(/is damaged.*3 entries mentioned again/);
    const two = worker(store);
    await sync(two.fleet);
    expect(names(two.cache)).toEqual(['package-0', 'package-2', 'package-7']);
  });

  it('is not where it was stored so long ago that nobody would bring it down', async () => {
    const { store, root } = await directoryStore();
    const one = await filled(store);
    rmSync(join(root, journalOf('test-group')), { recursive: true });
    await tend({ ...one.fleet, store: later(store, 8 * DAY) });
    expect(one.log.join()).toContain('0 entries mentioned again');
  });
});

describe('the journal', () => {
  it('becomes one record a day, of which everybody still learns all', async () => {
    const { store } = await directoryStore();
    const one = await filled(store);
    for (const key of await keys(store, journalOf('test-group'))) await store.remove(key);
    const noon = Math.floor(Date.now() / DAY) * DAY + DAY / 2;
    for (const n of [0, 1, 2]) await writeRecords(store, 'test-group', [{ key: keyOf(n), size: 1 }], noon + n);
    // Somebody may still be reading them.
    await tend({ ...one.fleet, store: later(store, 1.5 * DAY) });
    expect(await keys(store, journalOf('test-group'))).toHaveLength(3);
    await tend({ ...one.fleet, store: later(store, 5 * DAY) });
    expect(await keys(store, journalOf('test-group'))).toEqual([expect.stringContaining('T235959999Z-day')]);
    const two = worker(later(store, 5 * DAY));
    expect(await sync(two.fleet)).toMatchObject({ down: 3 });
    // What was read before is not missed by who has read half of the day.
    expect(await sync({ ...two.fleet, store: later(store, 5 * DAY) })).toMatchObject({ down: 0 });
  });

  it('of a day whose one record is damaged stays as it is, and the rest is done', async () => {
    const store = new MemoryStore();
    const one = await filled(store);
    for (const key of await keys(store, journalOf('test-group'))) await store.remove(key);
    const morning = Math.floor(store.time / DAY) * DAY;
    for (const n of [0, 1]) await writeRecords(store, 'test-group', [{ key: keyOf(n), size: 1 }], morning + n);
    await store.create(recordKey('test-group', morning + DAY - 1, 'day'), Buffer.from('damaged'));
    store.time += 5 * DAY;
    expect(await tend(one.fleet)).toBe(true);
    expect(one.log.at(-1)).toContain('1 entries mentioned again');
    expect((await keys(store, journalOf('test-group'))).filter((key) => recordTime(key) < morning + DAY)).toHaveLength(3);
  });

  it('keeps what is not in the record of a day that was made before', async () => {
    const store = new MemoryStore();
    const morning = Math.floor(store.time / DAY) * DAY;
    for (const n of [0, 1]) await writeRecords(store, 'test-group', [{ key: keyOf(n), size: 1 }], morning + n);
    await store.create(recordKey('test-group', morning + DAY - 1, 'day'), encodeRecord([{ key: keyOf(0), size: 1 }]));
    store.time += 5 * DAY;
    await tend(worker(store).fleet);
    const one = worker(store, { allowed: () => false });
    await sync(one.fleet);
    expect(await keys(store, journalOf('test-group'))).toHaveLength(2);
    for (const n of [0, 1]) expect(one.fleet.known.mentionedAt(entryId(keyOf(n)))).toBeDefined();
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

  it('go pointers first, so that nobody finds the way to what is being removed', async () => {
    const store = new MemoryStore();
    const one = await filled(store);
    for (const period of ['20260101T000000Z', '20260102T000000Z', '20260103T000000Z', '20260104T000000Z']) {
      await buildSnapshot({ ...one.fleet, period, limit: 1e9, journal: undefined, ahead: 0 });
    }
    store.put('v1/snapshots/test-group/20260105T000000Z/pointer', Buffer.from('damaged'));
    store.time += 2 * DAY;
    const removed: string[] = [];
    await tend({ ...one.fleet, store: overStore(store, { remove: (key) => (removed.push(key), store.remove(key)) }) });
    const kinds = removed.map((key) => key.replace(/^.*[/.]/, ''));
    expect(kinds.slice(0, 3)).toEqual(['pointer', 'pointer', 'pointer']);
    expect(kinds.slice(3).sort()).toEqual(['index', 'index', 'pack', 'pack']);
    expect(await warm(worker(store).fleet, () => undefined)).toMatchObject({ period: '20260104T000000Z', problems: [] });
  });
});

it('days that were claimed are forgotten after a week', async () => {
  const store = new MemoryStore();
  await tend(worker(store).fleet);
  store.time += 6 * DAY;
  await tend(worker(store).fleet);
  expect(await keys(store, 'v1/tending/test-group/')).toHaveLength(2);
  store.time += 2 * DAY;
  await tend(worker(store).fleet);
  expect(await keys(store, 'v1/tending/test-group/')).toHaveLength(2);
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

  it('stays while it may still be brought down', async () => {
    const store = new MemoryStore();
    const one = await filled(store, { settings: { ...SETTINGS, storeWindow: 2 * DAY } });
    store.time += 6 * DAY;
    await tend(one.fleet);
    expect(await keys(store, 'v1/pip/')).toHaveLength(3);
    store.time += 2 * DAY;
    await tend(one.fleet);
    expect(await keys(store, 'v1/pip/')).toEqual([]);
  });

  it('goes pointer first', async () => {
    const store = new MemoryStore();
    const one = await filled(store, { settings }, 1);
    store.time += 12 * DAY;
    const removed: string[] = [];
    await tend({ ...one.fleet, store: overStore(store, { remove: (key) => (removed.push(key.split('/')[1]!), store.remove(key)) }) });
    expect(removed.filter((kind) => kind !== 'journal')).toEqual(['pip', 'archives']);
  });

  it('is no original that somebody has stored or used since', async () => {
    const store = new MemoryStore();
    const one = worker(store, { settings });
    const [old, used, fresh] = ['old', 'used', 'fresh'].map((name) => makeOriginal(one.cache, originalKeyOf(name), Buffer.from(name))) as [LocalEntry, LocalEntry, LocalEntry];
    for (const local of [old, used]) await push(one.cache, store, local);
    store.time += 5 * DAY;
    await writeRecords(store, 'any-other-image', [refOf(used)], store.time);
    await push(one.cache, store, fresh);
    store.time += 7 * DAY;
    await tend(one.fleet);
    expect(await keys(store, 'v1/originals/')).toEqual([used, fresh].map(({ entry }) => originalKey(entry.archive.sha512!)).sort());
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
