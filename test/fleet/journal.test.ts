import { describe, expect, it } from 'vitest';
import { entryId } from '../../src/cache/entry.ts';
import { journalOf, recordKey, writeRecords } from '../../src/fleet/journal.ts';
import { sync } from '../../src/fleet/sync.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { DAY, SETTINGS, keyOf, roomIf, worker } from './support.ts';

const MINUTE = 60_000;

describe('a journal', () => {
  it('of many pages is read once, as far back as it matters; from then on only its end is', async () => {
    const store = new MemoryStore();
    const count = 1200;
    const since = (n: number): number => (count - n) * 10 * MINUTE;
    for (let n = 0; n < count; n++) await writeRecords(store, 'test-group', [{ key: keyOf(n), size: 1 }], store.time - since(n));
    const one = worker(store, { allowed: () => false });
    store.account();
    await sync(one.fleet);
    const read = Array.from({ length: count }, (_, n) => n).filter((n) => one.fleet.known.mentionedAt(entryId(keyOf(n))) !== undefined);
    expect(read).toEqual(Array.from({ length: read.length }, (_, n) => count - read.length + n));
    expect(read).toHaveLength(SETTINGS.syncWindow / (10 * MINUTE));
    expect(store.account()).toEqual({ list: 3, get: read.length });
    expect(one.fleet.state.position('test-group').recent.length).toBeLessThan(3);
    await sync(one.fleet);
    expect(store.account()).toEqual({ list: 2 });
  });

  it('has as many records as it takes', async () => {
    const store = new MemoryStore();
    await writeRecords(store, 'test-group', Array.from({ length: 501 }, (_, n) => ({ key: keyOf(n), size: 1 })), store.time - MINUTE);
    expect((await store.list(journalOf('test-group'))).objects).toHaveLength(2);
    const one = worker(store, { allowed: () => false });
    await sync(one.fleet);
    for (const n of [0, 500]) expect(one.fleet.known.mentionedAt(entryId(keyOf(n)))).toBeDefined();
  });

  it('with a record from the future is read as far as now, and no farther the next time', async () => {
    const store = new MemoryStore();
    store.put(recordKey('test-group', store.time + 3 * DAY), Buffer.from('whatever'));
    store.put(`${journalOf('test-group')}README`, Buffer.from('no record'));
    await writeRecords(store, 'test-group', [{ key: keyOf(1), size: 1 }], store.time - MINUTE);
    const one = worker(store, { allowed: () => false });
    store.account();
    await sync(one.fleet);
    expect(store.account()).toEqual({ list: 2, get: 1 });
    await sync(one.fleet);
    expect(store.account()).toEqual({ list: 2 });
    expect(one.log).toEqual([]);
  });

  it('is read on where it was left long ago, but for what nobody has used since', async () => {
    const store = new MemoryStore();
    await writeRecords(store, 'test-group', [{ key: keyOf(0), size: 1 }], store.time - MINUTE);
    const one = worker(store, { room: roomIf(() => false) });
    expect(await sync(one.fleet)).toMatchObject({ behind: 1 });
    for (const day of [3, 10]) await writeRecords(store, 'test-group', [{ key: keyOf(day), size: 1 }], store.time + day * DAY);
    store.time += 11 * DAY;
    expect(await sync(one.fleet)).toMatchObject({ behind: 1 });
  });
});
