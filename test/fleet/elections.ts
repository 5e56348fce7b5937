import { setImmediate } from 'node:timers/promises';
import { expect } from 'vitest';
import { takePart } from '../../src/fleet/snapshot/election.ts';
import { snapshotsOf } from '../../src/fleet/snapshot/format.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { DAY, fill, worker } from './support.ts';

/**
 * 32 candidates in as many periods: one makes the snapshot of each, what its pointer names is there, and so is what there was before. Of what is
 * older it is then cleared, as it is by whoever looks after a store.
 */
export async function elect(periods: number): Promise<void> {
  const store = new MemoryStore(Math.floor(Date.now() / DAY) * DAY);
  const candidates = Array.from({ length: 32 }, () => worker(store));
  for (const { cache } of candidates) fill(cache, 1, { bytes: 10 });
  let before: string[] = [];
  for (let period = 0; period < periods; period++) {
    store.time += DAY / 2;
    const made = await Promise.all(candidates.map(({ fleet }) => takePart(fleet)));
    expect(made.filter(Boolean)).toHaveLength(1);
    const there = (await store.list(snapshotsOf('test-group'))).objects.map(({ key }) => key).filter((key) => !key.includes('claim'));
    expect(there).toEqual(expect.arrayContaining(before));
    const fresh = there.filter((key) => !before.includes(key));
    expect(fresh.map((key) => key.replace(/^.*?(pointer|\.index|\.pack)$/, '$1')).sort()).toEqual(['.index', '.pack', 'pointer']);
    for (const { key } of (await store.list(snapshotsOf('test-group'))).objects) if (!fresh.includes(key)) await store.remove(key);
    before = fresh;
    store.time += DAY / 2;
    await setImmediate(); // nothing here waits for anything: a minute without a turn, and the test runner takes this process for lost
  }
}
