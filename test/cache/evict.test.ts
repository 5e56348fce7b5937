import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { makeRoom } from '../../src/cache/evict.ts';
import { ReadyCopies } from '../../src/cache/ready.ts';
import { KEY, published, tempCache } from './support.ts';

type Local = ReturnType<typeof published>;

/** Entries of one size, of which the first two were last used some time ago, with a ready copy of each; and a disk that these and those fill. */
function filled() {
  const cache = tempCache();
  const [old, needed, used] = ['old', 'needed', 'used'].map((name) => published(cache, { key: { ...KEY, name } })) as [Local, Local, Local];
  const ready = new ReadyCopies(cache, { uid: 1, gid: 1, umask: 0o022 });
  for (const local of [old, needed, used]) ready.prepare(local);
  for (const local of [old, needed]) cache.touch(local, Date.now() - 100_000);
  const present = (): boolean[] => [old, needed, used].map(({ id }) => cache.byId(id) !== undefined);
  const hasRoom = (bytes: number): boolean => bytes <= present().filter((is) => !is).length * 2 * old.entry.size;
  const evicting = { hasRoom, isNeeded: (id: string) => id === needed.id, usedSince: Date.now() - 50_000 };
  return { cache, size: old.entry.size, present, evicting, shelves: () => readdirSync(cache.path('ready/1-1-022')).sort(), ids: [old, needed, used].map(({ id }) => id) };
}

it('an entry goes with its ready copies, unless it is needed or was used a moment ago', () => {
  const { cache, size, present, evicting, shelves, ids } = filled();
  expect(makeRoom(cache, 2 * size, evicting)).toBe(true);
  expect(present()).toEqual([false, true, true]);
  expect(shelves()).toEqual(ids.slice(1).sort());
});

it('nothing goes where all that may go would not be enough', () => {
  const { cache, size, present, evicting, shelves } = filled();
  expect(makeRoom(cache, 2 * size + 1, evicting)).toBe(false);
  expect(present()).toEqual([true, true, true]);
  expect(shelves()).toHaveLength(3);
});

it('what was used least recently goes first, and no more than has to', () => {
  const cache = tempCache();
  const locals = ['middle', 'newest', 'oldest'].map((name) => published(cache, { key: { ...KEY, name } }));
  for (const [n, ago] of [2, 1, 3].entries()) cache.touch(locals[n]!, Date.now() - ago * 100_000);
  const gone = (): string[] => locals.filter(({ id }) => !cache.byId(id)).map(({ entry }) => entry.key.name);
  const evicting = { hasRoom: (bytes: number) => bytes <= gone().length * locals[0]!.entry.size, isNeeded: () => false, usedSince: Date.now() };
  expect(makeRoom(cache, locals[0]!.entry.size, evicting)).toBe(true);
  expect(gone()).toEqual(['oldest']);
  expect(makeRoom(cache, 2 * locals[0]!.entry.size, evicting)).toBe(true);
  expect(gone()).toEqual(['middle', 'oldest']);
});
