import { existsSync, readdirSync, rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { EvictingRoom, type NoRoom, type RoomOptions } from '../../src/cache/evict.ts';
import type { LocalCache } from '../../src/cache/local.ts';
import { ReadyCopies } from '../../src/cache/ready.ts';
import { KEY, published, tempCache } from './support.ts';

type Local = ReturnType<typeof published>;

const ENDLESS: RoomOptions = { isOnDisk: () => true, maxSize: 0, isNeeded: () => false };

/** Entries of one size, used last so many seconds ago; all have the same files. */
function entries(cache: LocalCache, ago: Readonly<Record<string, number>>): Record<string, Local> {
  const all = Object.entries(ago).map(([name, seconds]) => {
    const local = published(cache, { key: { ...KEY, name } });
    cache.touch(local, Date.now() - seconds * 1000);
    return [name, local] as const;
  });
  return Object.fromEntries(all);
}

function present(cache: LocalCache, locals: Readonly<Record<string, Local>>): string[] {
  return Object.keys(locals).filter((name) => cache.byId(locals[name]!.id));
}

/** Room on a disk that has none but what entries leave that go. */
function onFullDisk(cache: LocalCache, locals: Readonly<Record<string, Local>>, options: Partial<RoomOptions> = {}): EvictingRoom {
  const all = Object.values(locals);
  const free = (): number => all.filter(({ id }) => !cache.byId(id)).reduce((sum, { entry }) => sum + entry.size, 0);
  return new EvictingRoom(cache, { ...ENDLESS, isOnDisk: (bytes) => bytes <= free(), ...options });
}

describe('on a disk that is full', () => {
  it('an entry goes with its ready copies, unless it is needed or was used since', () => {
    const cache = tempCache();
    const locals = entries(cache, { old: 100, needed: 100, used: 0 });
    const ready = new ReadyCopies(cache, { uid: 1, gid: 1, umask: 0o022 });
    for (const local of Object.values(locals)) ready.prepare(local);
    const room = onFullDisk(cache, locals, { isNeeded: (id) => id === locals['needed']!.id });
    expect(room.whyNot(locals['old']!.entry.size / 2, Date.now() - 50_000)).toBeUndefined();
    expect(present(cache, locals)).toEqual(['needed', 'used']);
    expect(readdirSync(cache.path('ready/1-1-022')).sort()).toEqual([locals['needed']!.id, locals['used']!.id].sort());
  });

  it('nothing goes where all that may go, archives of those that come counted, would not be enough', () => {
    const cache = tempCache();
    const locals = entries(cache, { one: 100, two: 90, used: 0 });
    const { size } = locals['one']!.entry;
    const room = onFullDisk(cache, locals);
    expect(room.whyNot(size + 1, Date.now() - 50_000)).toBe('disk');
    expect(room.whyNot(1, Date.now() - 50_000, size)).toBe('disk');
    expect(present(cache, locals)).toEqual(['one', 'two', 'used']);
    expect(room.whyNot(size, Date.now() - 50_000)).toBeUndefined();
    expect(present(cache, locals)).toEqual(['used']);
  });

  it('what was used least recently goes first, and no more than has to', () => {
    const cache = tempCache();
    const locals = entries(cache, { middle: 200, newest: 100, oldest: 300 });
    const room = onFullDisk(cache, locals);
    const { size } = locals['middle']!.entry;
    expect(room.whyNot(size / 2, Date.now())).toBeUndefined();
    expect(present(cache, locals)).toEqual(['middle', 'newest']);
    expect(room.whyNot(size, Date.now())).toBeUndefined();
    expect(present(cache, locals)).toEqual(['newest']);
  });

  it('no more goes than has to while an install may be reading it, and its room can be had when that is through', () => {
    const cache = tempCache();
    const locals = entries(cache, { oldest: 300, middle: 200, newest: 100 });
    const { size } = locals['middle']!.entry;
    const deleted = (): number => Object.values(locals).filter(({ dir }) => !existsSync(dir)).length;
    const onDisk = (): EvictingRoom => new EvictingRoom(cache, { ...ENDLESS, isOnDisk: (bytes) => bytes <= deleted() * size });
    const room = onDisk();
    const install = cache.lease();
    for (let n = 0; n < 3; n++) expect(room.whyNot(size / 2, Date.now())).toBe('disk');
    expect(onDisk().whyNot(size / 2, Date.now())).toBe('disk'); // nor when it is tried again later
    expect(present(cache, locals)).toEqual(['middle', 'newest']);
    install.release();
    expect(room.whyNot(size / 2, Date.now())).toBeUndefined();
    expect(present(cache, locals)).toEqual(['middle', 'newest']);
  });

  it('what an install has used since the cache was looked through stays', () => {
    const cache = tempCache();
    const locals = entries(cache, { back: 300, old: 200, young: 0 });
    const room = onFullDisk(cache, locals);
    const { size } = locals['old']!.entry;
    expect(room.whyNot(3 * size, Date.now() - 50_000)).toBe('disk');
    cache.touch(locals['back']!);
    expect(room.whyNot(size / 2, Date.now() - 50_000)).toBeUndefined();
    expect(present(cache, locals)).toEqual(['back', 'young']);
  });
});

describe('a cache with a max_size', () => {
  /** Of entries that fit so often, besides a half. */
  function limited(ago: Readonly<Record<string, number>>, times: number) {
    const cache = tempCache();
    const locals = entries(cache, ago);
    const { size } = Object.values(locals)[0]!.entry;
    return { cache, locals, size, room: new EvictingRoom(cache, { ...ENDLESS, maxSize: (times + 0.5) * size }) };
  }

  it('lets in what is not too much, those that are on their way counted, and no archive of theirs', () => {
    const { size, room, cache, locals } = limited({ one: 100 }, 3);
    expect(room.whyNot(size, 0, size)).toBeUndefined();
    expect(room.whyNot(size, 0, 2 * size)).toBe('max_size');
    expect(present(cache, locals)).toEqual(['one']);
  });

  it('counts what has come, and gives it up again for what was used later', () => {
    const { cache, size, room } = limited({ one: 100 }, 2);
    const come = (seconds: number): NoRoom | undefined => {
      const why = room.whyNot(size, Date.now() - seconds * 1000);
      if (why === undefined) room.took(entries(cache, { [`came-${seconds}`]: seconds })[`came-${seconds}`]!);
      return why;
    };
    expect([come(200), come(300), come(150), come(50)]).toEqual([undefined, 'max_size', undefined, undefined]);
    expect([...cache.list()].map(({ key }) => key?.name).sort()).toEqual(['came-50', 'one']);
  });

  it('counts ready copies', () => {
    const { cache, locals, size, room } = limited({ one: 100 }, 2);
    new ReadyCopies(cache, { uid: 1, gid: 1, umask: 0o022 }).prepare(locals['one']!);
    expect(room.whyNot(size, 0)).toBe('max_size');
    expect(room.whyNot(size, Date.now())).toBeUndefined();
    expect(present(cache, locals)).toEqual([]);
  });

  it('does not mind that an entry has gone by itself', () => {
    const { cache, locals, size, room } = limited({ one: 100, two: 50 }, 2);
    expect(room.whyNot(size, 0)).toBe('max_size');
    rmSync(locals['one']!.dir, { recursive: true });
    expect(room.whyNot(size, Date.now())).toBeUndefined();
    expect(present(cache, locals)).toEqual(['two']);
  });

  it('of 0 has none, and is not looked through', () => {
    const cache = tempCache();
    rmSync(cache.root, { recursive: true, force: true });
    expect(new EvictingRoom(cache, ENDLESS).whyNot(1e15, 0)).toBeUndefined();
  });
});
