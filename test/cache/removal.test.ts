import { cpSync, existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { entryId } from '../../src/cache/entry.ts';
import { readers, takeLease } from '../../src/cache/lease.ts';
import type { LocalCache } from '../../src/cache/local.ts';
import { codeOf, CONTENTS, DEAD_PID, KEY, published, staged, tempCache } from './support.ts';

const statuses = (cache: LocalCache): string[] => [...cache.list()].map(({ status }) => status);

/** Makes a removed entry one that was removed a while ago. */
function removeLongAgo(cache: LocalCache, dir: string): void {
  cache.remove(dir);
  // Leases are younger than this from now on: the change time of the mark cannot be set, so theirs is.
  for (const { path } of readers(cache.path('leases'))) utimesSync(path, Date.now() / 1000 + 60, Date.now() / 1000 + 60);
}

it('what is removed is not found any more, and is there until it is purged', () => {
  const cache = tempCache();
  const { dir } = published(cache);
  cache.remove(dir);
  expect(cache.lookup(KEY)).toBeUndefined();
  expect(existsSync(join(dir, 'tree/lib/a.py'))).toBe(true);
  expect(statuses(cache)).toEqual(['removed']);
  cache.remove(dir);
  expect(cache.purge(dir)).toBe('purged');
  expect(existsSync(dir)).toBe(false);
  expect(readdirSync(cache.path('trash'))).toEqual([]);
  expect(cache.purge(dir)).toBe('gone');
});

it('what is not removed is not purged', () => {
  const cache = tempCache();
  expect(cache.purge(published(cache).dir)).toBe('gone');
  expect(cache.lookup(KEY)).toBeDefined();
});

it('nothing is deleted under somebody who may be reading it', () => {
  const cache = tempCache();
  const { dir } = published(cache);
  const lease = cache.lease();
  cache.remove(dir);
  expect(cache.purge(dir)).toBe('in use');
  expect(existsSync(join(dir, 'tree/lib/a.py'))).toBe(true);
  lease.release();
  expect(cache.purge(dir)).toBe('purged');
});

it('an install that began after the removal does not hold it up', () => {
  const cache = tempCache();
  const { dir } = published(cache);
  cache.lease();
  removeLongAgo(cache, dir);
  expect(cache.purge(dir)).toBe('purged');
});

it('an install that follows a removal at once makes the entry anew', async () => {
  const cache = tempCache();
  const { dir } = published(cache);
  cache.remove(dir);
  await setTimeout(100); // less than a start of Node takes
  const lease = cache.lease();
  expect(published(cache).dir).toBe(dir);
  lease.release();
});

it('the same entry can be made anew at once, but not in the place of one that is being read', () => {
  const cache = tempCache();
  const { dir } = published(cache);
  const lease = cache.lease();
  cache.remove(dir);
  expect(codeOf(() => published(cache))).toBe('CACHE_UNUSABLE');
  expect(existsSync(join(dir, 'tree/lib/a.py'))).toBe(true);
  lease.release();
  expect(published(cache, { contents: { ...CONTENTS, 'new.txt': 'new' } }).dir).toBe(dir);
  expect(existsSync(join(dir, 'tree/new.txt'))).toBe(true);
  expect(statuses(cache)).toEqual(['cached']);
});

it('an entry without a hash, as a crash may leave it, goes in the same way', () => {
  const cache = tempCache();
  const dir = cache.entryDir('ab'.repeat(32));
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'purging'), '');
  expect(statuses(cache)).toEqual(['stalled']);
  cache.remove(dir);
  expect(cache.purge(dir)).toBe('purged');
});

it('what has gone meanwhile is no error', () => {
  const cache = tempCache();
  expect(codeOf(() => cache.remove(cache.entryDir('ab'.repeat(32))))).toBe('ok');
});

it('two that make an entry while it is purged end with one of it', () => {
  const cache = tempCache();
  const { dir } = published(cache);
  const [first, second] = [staged(cache), staged(cache)];
  cache.remove(dir);
  first.publish();
  second.publish();
  expect(statuses(cache)).toEqual(['cached']);
});

it('what has failed a check is not made again before a clean', () => {
  const cache = tempCache();
  cache.quarantine(published(cache));
  expect(codeOf(() => cache.stage(KEY))).toBe('NOT_ADDED');
  expect(codeOf(() => cache.stage({ ...KEY, name: 'birch' }))).toBe('ok');
});

it('what has failed a check is made once more of what was downloaded again, but not for ever', () => {
  const cache = tempCache();
  cache.quarantine(published(cache));
  expect(codeOf(() => cache.stage(KEY))).toBe('NOT_ADDED');
  expect(codeOf(() => cache.stage(KEY, { verified: true }))).toBe('ok');
  // The second one fails, too.
  cpSync(cache.path('stalled', readdirSync(cache.path('stalled'))[0]!), `${cache.path('stalled', entryId(KEY))}.again`, { recursive: true });
  expect(cache.whyNot(KEY, { verified: true })).toBe('it has failed a check more than once; `pkg-cache clean` lets it be tried again');
});

it('leases of processes that are gone do not count', () => {
  const directory = tempCache().path('leases');
  takeLease(directory);
  const [own = ''] = readdirSync(directory);
  const host = own.split('.')[1] ?? '';
  const leave = (name: string, ageMs: number): void => {
    writeFileSync(join(directory, name), '');
    utimesSync(join(directory, name), (Date.now() - ageMs) / 1000, (Date.now() - ageMs) / 1000);
  };
  leave(`${DEAD_PID}.${host}.0`, 0); // killed
  leave(`${process.pid}.${host}.1`, 2 * 86_400_000); // killed, and the pid is another process's now
  leave(`1.elsewhere.2`, 60_000); // another container, at work for all we know
  leave(`1.elsewhere.3`, 2 * 3_600_000);
  expect(readers(directory).map(({ path }) => path).sort()).toEqual([join(directory, '1.elsewhere.2'), join(directory, own)].sort());
  expect(readdirSync(directory)).toHaveLength(2);
});

it('a cache that cannot be written gives leases that hold nobody up', () => {
  const cache = tempCache();
  mkdirSync(cache.root, { recursive: true });
  writeFileSync(cache.path('leases'), 'a file');
  expect(codeOf(() => cache.lease().release())).toBe('ok');
});
