import { expect } from 'vitest';
import { takePart } from '../../src/fleet/snapshot/election.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { DAY, fill, worker } from './support.ts';

/** 32 candidates in as many periods: one makes the snapshot of each, and all of them are there in the end. */
export async function elect(periods: number): Promise<void> {
  const store = new MemoryStore(Math.floor(Date.now() / DAY) * DAY);
  const candidates = Array.from({ length: 32 }, () => worker(store));
  for (const { cache } of candidates) fill(cache, 1, { bytes: 10 });
  for (let period = 0; period < periods; period++) {
    store.time += DAY / 2;
    const made = await Promise.all(candidates.map(({ fleet }) => takePart(fleet)));
    expect(made.filter(Boolean)).toHaveLength(1);
    store.time += DAY / 2;
  }
  const live = (await store.list('v1/snapshots/', { limit: 1e6 })).objects.filter(({ key }) => key.endsWith('/pointer'));
  expect(live).toHaveLength(periods);
}
