import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { clean, type CleanRequest } from '../../src/cache/clean.ts';
import type { LocalCache, LocalEntry } from '../../src/cache/local.ts';
import { ReadyCopies } from '../../src/cache/ready.ts';
import { DEAD_PID, KEY, published, tempCache } from './support.ts';

/** What a clean says it did, as `reason name`. */
function run(cache: LocalCache, more: Partial<CleanRequest> = {}): string[] {
  const request: CleanRequest = { cache, maxDays: 30, maxSize: 0, all: false, stalled: true, dryRun: false, isNeeded: () => false, limit: Infinity, ...more };
  return [...clean(request)].map(({ reason, entry, deleted }) => `${reason} ${entry?.key?.name ?? '?'}${deleted ? '' : ' (in use)'}`);
}

/** An entry that was used so many days ago. */
function used(cache: LocalCache, name: string, days: number, contents?: Record<string, string>): LocalEntry {
  const local = published(cache, { key: { ...KEY, name }, ...(contents && { contents }) });
  const then = Date.now() / 1000 - days * 86_400;
  utimesSync(join(local.dir, 'entry.json'), then, then);
  return local;
}

const names = (cache: LocalCache): string[] => [...cache.list()].map(({ status, key }) => `${status} ${key?.name ?? '?'}`).sort();

it('takes what nobody used, what was removed and what stalled, and leaves the rest', () => {
  const cache = tempCache();
  used(cache, 'old', 31);
  used(cache, 'young', 29);
  cache.remove(used(cache, 'removed', 0).dir);
  cache.quarantine(used(cache, 'bad', 0));
  const before = names(cache);
  expect(run(cache, { dryRun: true }).sort()).toEqual(['removed removed', 'stalled bad', 'unused old']);
  expect(names(cache)).toEqual(before);
  expect(run(cache).sort()).toEqual(['removed removed', 'stalled bad', 'unused old']);
  expect(names(cache)).toEqual(['cached young']);
  expect(run(cache)).toEqual([]);
});

it('keeps what is not in the store yet, but for `all`', () => {
  const cache = tempCache();
  const { id } = used(cache, 'old', 31);
  expect(run(cache, { isNeeded: (each) => each === id })).toEqual([]);
  expect(run(cache, { isNeeded: (each) => each === id, all: true })).toEqual(['all old']);
});

it('never takes anything for its age with max_days 0', () => {
  const cache = tempCache();
  used(cache, 'old', 3000);
  expect(run(cache, { maxDays: 0 })).toEqual([]);
});

it('leaves stalled entries alone if it is not asked to take them', () => {
  const cache = tempCache();
  cache.quarantine(used(cache, 'bad', 0));
  expect(run(cache, { stalled: false })).toEqual([]);
  expect(run(cache, { stalled: false, all: true })).toEqual(['stalled bad']);
});

it('evicts the least recently used until the cache is small enough', () => {
  const cache = tempCache();
  const contents = { 'x.txt': 'x'.repeat(100) };
  for (const [name, days] of [['c', 1], ['a', 3], ['d', 0], ['b', 2]] as const) used(cache, name, days, contents);
  expect(run(cache, { maxSize: 250 })).toEqual(['size a', 'size b']);
  expect(names(cache)).toEqual(['cached c', 'cached d']);
});

it('evicts nothing that waits to be stored', () => {
  const cache = tempCache();
  const { id } = used(cache, 'a', 3);
  used(cache, 'b', 2);
  expect(run(cache, { maxSize: 1, isNeeded: (each) => each === id })).toEqual(['size b']);
});

it('counts ready copies, and takes them with their entry', () => {
  const cache = tempCache();
  const local = used(cache, 'a', 31, { 'x.txt': 'x'.repeat(100) });
  new ReadyCopies(cache, { uid: 1, gid: 1, umask: 0o022 }).prepare(local);
  const [cleaned] = [...clean({ cache, maxDays: 30, maxSize: 0, all: false, stalled: false, dryRun: false, isNeeded: () => false, limit: Infinity })];
  expect(cleaned).toMatchObject({ bytes: 200 });
  expect(readdirSync(cache.path('ready', '1-1-022'))).toEqual([]);
});

it('leaves on disk what an install may be reading, and takes it later', () => {
  const cache = tempCache();
  const local = used(cache, 'old', 31);
  const lease = cache.lease();
  expect(run(cache)).toEqual(['unused old (in use)']);
  expect(existsSync(join(local.dir, 'tree'))).toBe(true);
  expect(cache.byId(local.id)).toBeUndefined();
  lease.release();
  expect(run(cache)).toEqual(['removed old']);
});

it('removes what killed processes have left', () => {
  const cache = tempCache();
  for (const [name, owner] of [['trash/x', ''], ['staging/dead.1', JSON.stringify({ pid: DEAD_PID, host: 'h', key: KEY })]] as const) {
    mkdirSync(cache.path(name, 'entry'), { recursive: true });
    if (owner !== '') {
      writeFileSync(cache.path(name, 'owner.json'), owner);
      utimesSync(cache.path(name), 0, 0);
    }
  }
  const staging = cache.stage({ ...KEY, name: 'alive' });
  expect(run(cache)).toEqual(['left over ?', 'left over ?']);
  expect(existsSync(join(staging.dir, '..'))).toBe(true);
});

it('stops when its time is over', () => {
  const cache = tempCache();
  for (const name of ['a', 'b', 'c']) used(cache, name, 31);
  expect(run(cache, { limit: 0 })).toEqual([]);
  expect(names(cache)).toHaveLength(3);
});
