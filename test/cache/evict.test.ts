import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { makeRoom } from '../../src/cache/evict.ts';
import { ReadyCopies } from '../../src/cache/ready.ts';
import { KEY, published, tempCache } from './support.ts';

it('an entry goes with its ready copies, unless it is needed or was used a moment ago', () => {
  const cache = tempCache();
  const [old, needed, used] = ['old', 'needed', 'used'].map((name) => published(cache, { key: { ...KEY, name } })) as [ReturnType<typeof published>, ReturnType<typeof published>, ReturnType<typeof published>];
  const ready = new ReadyCopies(cache, { uid: 1, gid: 1, umask: 0o022 });
  for (const local of [old, needed, used]) ready.prepare(local);
  for (const local of [old, needed]) cache.touch(local, Date.now() - 100_000);
  const impossible = { minFree: Number.MAX_SAFE_INTEGER, maxUsed: 100 };
  expect(makeRoom(cache, 1, { floor: impossible, isNeeded: (id) => id === needed.id, usedSince: Date.now() - 50_000 })).toBe(false);
  expect([old, needed, used].map(({ id }) => cache.byId(id) !== undefined)).toEqual([false, true, true]);
  expect(readdirSync(cache.path('ready/1-1-022')).sort()).toEqual([needed.id, used.id].sort());
});
