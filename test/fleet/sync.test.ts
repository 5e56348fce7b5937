import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { entryId } from '../../src/cache/entry.ts';
import { PkgCacheError } from '../../src/errors.ts';
import type { Fleet } from '../../src/fleet/fleet.ts';
import { journalOf, recordKey, recordTime, writeRecords } from '../../src/fleet/journal.ts';
import { Known } from '../../src/fleet/known.ts';
import { sync, type Synced } from '../../src/fleet/sync.ts';
import type { Store } from '../../src/store/store.ts';
import { failure } from '../store/helpers.ts';
import { overStore } from '../support/over-store.ts';
import { DAY, SETTINGS, directoryStore, fill, keyOf, makeOriginal, names, originalKeyOf, roomIf, worker, type Worker } from './support.ts';

function run({ cache, fleet }: Worker): Promise<Synced> {
  return sync({ ...fleet, known: new Known(cache, 'test') }); // as a process of its own
}

/** What a worker asks of the store while it does something. */
async function requestsOf(store: Store, work: (counted: Store) => Promise<unknown>): Promise<string[]> {
  const asked: string[] = [];
  const note = <A extends unknown[], R>(what: string, call: (key: string, ...more: A) => R) => (key: string, ...more: A): R => {
    asked.push(`${what} ${key.split('/').slice(0, 2).join('/')}`);
    return call(key, ...more);
  };
  await work(overStore(store, { get: note('get', (key, range) => store.get(key, range)), list: note('list', (prefix, options) => store.list(prefix, options)), create: note('create', (key, payload) => store.create(key, payload)) }));
  return asked;
}

describe('two workers that sync', () => {
  it('have what the other has, each entry once', async () => {
    const { store, root } = await directoryStore();
    const [one, two] = [worker(store), worker(store)];
    fill(one.cache, 3);
    makeOriginal(one.cache, originalKeyOf('from-registry'), Buffer.from('a tarball'));
    fill(two.cache, 2, { from: 2 });
    expect(await run(one)).toEqual({ down: 0, up: 4, behind: 0, over: 0, denied: undefined });
    expect(await run(two)).toEqual({ down: 3, up: 1, behind: 0, over: 0, denied: undefined });
    expect(await run(one)).toEqual({ down: 1, up: 0, behind: 0, over: 0, denied: undefined });
    expect(names(one.cache)).toEqual(['from-registry', 'package-0', 'package-1', 'package-2', 'package-3']);
    expect(names(two.cache)).toEqual(names(one.cache));
    expect(two.cache.lookup(keyOf(0))!.entry).toEqual(one.cache.lookup(keyOf(0))!.entry);
    expect(readdirSync(join(root, journalOf('test-group')))).toHaveLength(2);
    expect(readdirSync(join(root, journalOf('any')))).toHaveLength(1);
  });

  it('share what fits every machine, though they are of different groups', async () => {
    const { store } = await directoryStore();
    const [one, two, far] = [worker(store), worker(store, { group: 'other-machines' }), worker(store, { group: 'other-machines', everywhere: 'any-other-image' })];
    fill(one.cache, 1);
    makeOriginal(one.cache, originalKeyOf('from-registry'), Buffer.from('a tarball'));
    await run(one);
    expect(await run(two)).toMatchObject({ down: 1, up: 0 });
    expect(names(two.cache)).toEqual(['from-registry']);
    expect(await run(two)).toMatchObject({ down: 0, up: 0 });
    expect(await run(far)).toMatchObject({ down: 0 });
  });

  it('ask for nothing but what is new', async () => {
    const { store } = await directoryStore();
    const [one, two] = [worker(store), worker(store)];
    fill(one.cache, 20);
    await run(one);
    await run(two);
    expect(await requestsOf(store, (counted) => run({ ...two, fleet: { ...two.fleet, store: counted } }))).toEqual(['list v1/journal', 'list v1/journal']);
    fill(one.cache, 1, { from: 20 });
    expect(await requestsOf(store, (counted) => run({ ...one, fleet: { ...one.fleet, store: counted } }))).toEqual(['list v1/journal', 'get v1/journal', 'list v1/journal', 'get v1/pip', 'create v1/archives', 'create v1/pip', 'create v1/journal']);
    expect(await requestsOf(store, (counted) => run({ ...two, fleet: { ...two.fleet, store: counted } }))).toEqual(['list v1/journal', 'get v1/journal', 'get v1/pip', 'get v1/archives', 'list v1/journal']);
  });

  it('do not take what was brought down for used', async () => {
    const { store } = await directoryStore();
    const [one, two] = [worker(store), worker(store)];
    fill(one.cache, 1);
    await run(one);
    const [record] = (await store.list(journalOf('test-group'))).objects;
    await run(two);
    expect(Math.abs(two.cache.lastUsed(entryId(keyOf(0))) - recordTime(record!.key))).toBeLessThan(50);
  });
});

describe('an entry that is in use', () => {
  const later = (store: Store, ms: number): Store => overStore(store, { now: async () => Date.now() + ms });

  it('is mentioned once a day, by whoever comes first, and so reaches workers that start later', async () => {
    const { store } = await directoryStore();
    const one = worker(store);
    const [used] = fill(one.cache, 2);
    await run(one);
    // Two days on: one of the two was used a moment ago (by our clock, which has not moved).
    one.cache.touch(used!, Date.now() + 0);
    const shifted = { ...one, fleet: { ...one.fleet, store: later(store, 2 * DAY) } };
    one.cache.touch(one.cache.lookup(keyOf(1))!, Date.now() - 2 * DAY);
    await run(shifted);
    expect((await store.list(journalOf('test-group'))).objects).toHaveLength(2);
    await run(shifted);
    expect((await store.list(journalOf('test-group'))).objects).toHaveLength(2);

    const late = worker(later(store, 8 * DAY), { settings: { ...SETTINGS, syncWindow: 7 * DAY } });
    expect(await run(late)).toMatchObject({ down: 1 });
    expect(names(late.cache)).toEqual(['package-0']);
  });

  it('and was removed from the store meanwhile is sent again', async () => {
    const { store } = await directoryStore();
    const one = worker(store);
    fill(one.cache, 1);
    await run(one);
    for (const { key } of (await store.list('v1/pip/')).objects) await store.remove(key);
    expect(await run({ ...one, fleet: { ...one.fleet, store: later(store, 6 * DAY) } })).toMatchObject({ up: 1 });
  });
});

describe('what is not brought down', () => {
  it.each<[string, Partial<Fleet>, Partial<Synced>]>([
    ['what must not be shared', { allowed: () => false }, { down: 0, behind: 0 }],
    ['what the disk has no room for', { room: roomIf((bytes) => bytes < 10) }, { down: 0, behind: 3 }],
    ['what nobody has used for long', { settings: { ...SETTINGS, syncWindow: 0 } }, { down: 0, behind: 0 }],
  ])('%s', async (_what, over, result) => {
    const { store } = await directoryStore();
    const one = worker(store);
    fill(one.cache, 3);
    await run(one);
    expect(await run(worker(store, over))).toMatchObject(result);
  });

  it('what the store has no more, nor what is damaged; the rest comes', async () => {
    const { store, root } = await directoryStore();
    const one = worker(store);
    fill(one.cache, 4);
    await run(one);
    const pointers = (await store.list('v1/pip/')).objects.map(({ key }) => key);
    await store.remove(pointers[0]!);
    writeFileSync(join(root, pointers[1]!), 'damaged');
    const two = worker(store);
    expect(await run(two)).toMatchObject({ down: 2, behind: 2 });
    expect(two.log.join()).toContain('is damaged');
    for (const behind of [2, 0, 0]) expect(await run(two)).toMatchObject({ down: 0, behind });
  });
});

describe('a journal', () => {
  it('of which a record is damaged, foreign or gone costs what that says', async () => {
    const { store, root } = await directoryStore();
    const one = worker(store);
    for (const n of [0, 1, 2]) {
      fill(one.cache, 1, { from: n });
      await run(one);
    }
    const keys = (await store.list(journalOf('test-group'))).objects.map(({ key }) => key);
    writeFileSync(join(root, keys[0]!), readFileSync(join(root, keys[0]!), 'utf8').replace('package-0', 'package-9'));
    await store.create(`${journalOf('test-group')}README`, Buffer.from('not a record'));
    const losing = overStore(store, { get: (key) => (key === keys[1] ? Promise.resolve(undefined) : store.get(key)) });
    const two = worker(losing);
    expect(await run(two)).toMatchObject({ down: 1 });
    expect(names(two.cache)).toEqual(['package-2']);
  });

  it('that is listed late is still read, and a record that shows up out of order too', async () => {
    const { store } = await directoryStore();
    const [one, two] = [worker(store), worker(store)];
    fill(one.cache, 2);
    await run(one);
    expect(await run({ ...two, fleet: { ...two.fleet, store: overStore(store, { list: async () => ({ objects: [], next: undefined }) }) } })).toMatchObject({ down: 0 });
    expect(await run(two)).toMatchObject({ down: 2 });
    // Written a minute before the last one, seen only now.
    const three = worker(store);
    fill(three.cache, 1, { from: 7 });
    await run({ ...three, fleet: { ...three.fleet, store: overStore(store, { now: async () => Date.now() - 60_000 }) } });
    expect(await run(two)).toMatchObject({ down: 1 });
  });

  it('with a record from the future does not hide what comes before', async () => {
    const { store } = await directoryStore();
    const [one, two] = [worker(store), worker(store)];
    await store.create(recordKey('test-group', Date.now() + 3 * DAY), Buffer.from('whatever'));
    await run(two);
    fill(one.cache, 1);
    await run(one);
    expect(await run(two)).toMatchObject({ down: 1 });
  });

  it.each(['nonsense', recordKey('test-group', Date.now() + 400 * DAY)])('is read from its beginning by who thinks to have read %s', async (journal) => {
    const { store } = await directoryStore();
    const [one, two] = [worker(store), worker(store)];
    fill(one.cache, 1);
    await run(one);
    two.fleet.state.moveTo('test-group', { journal, recent: [] });
    expect(await run(two)).toMatchObject({ down: 1 });
    expect(await run(two)).toMatchObject({ down: 0 });
  });

  it('may say what it wants: names that are none are left out', async () => {
    const { store } = await directoryStore();
    const hostile = ['../../etc', 'a/../../b', '', 'x\u001b[2J', '.hidden'].map((name) => ({ key: { ...keyOf(0), name }, size: 1 }));
    await writeRecords(store, 'test-group', [...hostile, { key: keyOf(1), size: -1 }, { key: keyOf(2), size: 1, original: { sha512: '../x', meta: {} } }], Date.now());
    expect(await run(worker(store))).toMatchObject({ down: 0, behind: 0 });
  });
});

describe('a worker', () => {
  it('that may only read is kept up to date and does not go on trying to write', async () => {
    const { store } = await directoryStore();
    const one = worker(store);
    fill(one.cache, 2);
    await run(one);
    let tried = 0;
    const denied = overStore(store, { create: async () => Promise.reject((tried++, new PkgCacheError('STORE_DENIED', 'may not write'))) });
    const reader = worker(denied);
    fill(reader.cache, 10, { from: 5 });
    expect(await run(reader)).toMatchObject({ down: 2, up: 0, denied: 'may not write' });
    expect(tried).toBe(2); // one that goes ahead, and one that finds out whether nothing can be written
    tried = 0;
    expect(await run(reader)).toMatchObject({ down: 0, up: 0, denied: undefined });
    expect(tried).toBe(0);
    expect(await sync(reader.fleet, { afresh: true })).toMatchObject({ denied: 'may not write' });
    expect(await sync({ ...reader.fleet, readOnly: true }, { afresh: true })).toMatchObject({ up: 0, denied: undefined });
    expect(await sync({ ...reader.fleet, store }, { afresh: true })).toMatchObject({ up: 10 });
    expect(reader.fleet.state.read().deniedAt).toBeUndefined();
  });

  it('whose store fails says so, and goes on where it was', async () => {
    const { store } = await directoryStore();
    const one = worker(store);
    fill(one.cache, 3);
    await run(one);
    const failing = overStore(store, { get: async (key) => (key.includes('/archives/') ? Promise.reject(new PkgCacheError('STORE_UNAVAILABLE', 'is down')) : await store.get(key)) });
    const two = worker(failing);
    expect((await failure(run(two))).message).toBe('is down');
    expect(two.fleet.state.read().problem).toBe('is down');
    expect(await run({ ...two, fleet: { ...two.fleet, store } })).toMatchObject({ down: 3 });
    expect(two.fleet.state.read().problem).toBeUndefined();
  });

  it('that forgot everything does no more than ask again', async () => {
    const { store } = await directoryStore();
    const one = worker(store);
    fill(one.cache, 3);
    await run(one);
    rmSync(one.cache.path('state'), { recursive: true });
    expect(await run(one)).toMatchObject({ down: 0, up: 0 });
  });

  it('puts a damaged entry aside instead of sending it', async () => {
    const { store } = await directoryStore();
    const one = worker(store);
    const [entry] = fill(one.cache, 2);
    writeFileSync(join(entry!.dir, 'tree/lib/package_0/data.bin'), 'X'.repeat(1000));
    expect(await run(one)).toMatchObject({ up: 1 });
    expect(one.cache.lookup(keyOf(0))).toBeUndefined();
  });
});
