import { chmodSync, chownSync, lchownSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LocalCache } from '../../src/cache/local.ts';
import { assertTrustworthy, untrusted, whatToDo } from '../../src/cache/trust.ts';
import { KEY, codeOf, published, tempDir } from './support.ts';

const uid = process.getuid?.();
const isRoot = uid === 0;

/** A directory with these modes, in one of our own. */
const made = (mode = 0o755, parent = tempDir()): string => {
  const dir = join(parent, 'cache');
  mkdirSync(dir);
  chmodSync(dir, mode);
  return dir;
};
const spoilt = (path: string, spoil: (path: string) => void): void => (mkdirSync(path, { recursive: true }), spoil(path));
const found = (dir: string, { deep = false, as = uid } = {}): string[] => [...untrusted(dir, as, { deep })].map(({ path, part, why }) => `${part} ${path} ${why}`);
/** The group of some account of this machine that is not ours. */
const groupOfOthers = (() => {
  const users = readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':'));
  return Number(users.find(([, , id, group]) => group !== undefined && Number(id) > 0 && Number(group) > 0 && Number(id) !== uid)?.[3] ?? NaN);
})();

describe('a cache directory', () => {
  const verdict = (dir: string, as = uid): string => codeOf(() => assertTrustworthy(dir, as));
  const linked = (): string => {
    const dir = made();
    symlinkSync(dir, `${dir}-link`);
    return `${dir}-link`;
  };
  const file = (): string => {
    const dir = made();
    rmSync(dir, { recursive: true });
    writeFileSync(dir, '');
    return dir;
  };

  it.each([
    ['is not there yet', () => join(tempDir(), 'none/yet'), 'ok'],
    ['is ours', () => made(), 'ok'],
    ['is for a group that we are alone in', () => made(0o775), 'ok'],
    ['is like /tmp', () => made(0o1777), 'CACHE_UNUSABLE'],
    ['can be written by everybody', () => made(0o777), 'CACHE_UNUSABLE'],
    ['is a link', linked, 'CACHE_UNUSABLE'],
    ['is a file', file, 'CACHE_UNUSABLE'],
  ])('%s', (_what, make, code) => expect(verdict(make())).toBe(code));

  it.skipIf(!isRoot)('belongs to us or to root', () => {
    const dir = made();
    expect(verdict(dir, 1000)).toBe('ok');
    chownSync(dir, 1001, 1001);
    expect(verdict(dir, 1001)).toBe('ok');
    expect(verdict(dir, 1000)).toBe('CACHE_UNUSABLE');
  });

  it.skipIf(!isRoot || Number.isNaN(groupOfOthers))('can be written by a group that others are in', () => {
    const dir = made();
    chownSync(dir, 0, groupOfOthers);
    expect(verdict(dir)).toBe('ok');
    chmodSync(dir, 0o775);
    expect(found(dir)).toEqual([`top ${dir} can be written by a group that others are in`]);
  });
});

describe('a directory above the cache directory', () => {
  /** What is wrong with a cache directory in one that was treated so. */
  const above = (spoil: (path: string) => void): string[] => {
    const parent = join(tempDir(), 'above');
    spoilt(parent, spoil);
    return found(made(0o755, parent)).map((text) => text.replace(parent, 'PARENT'));
  };

  it('may be like /tmp, where nobody can take the place of what is ours', () => expect(above((path) => chmodSync(path, 0o1777))).toEqual([]));

  it('must not be writable by everybody', () => expect(above((path) => chmodSync(path, 0o777))).toEqual(['above PARENT can be written by everybody']));

  it.skipIf(!isRoot)('must not belong to somebody else', () => {
    expect(above((path) => chownSync(path, 1000, 1000))).toEqual(['above PARENT belongs to another user']);
    expect(above((path) => (chownSync(path, 1000, 1000), chmodSync(path, 0o1777)))).toEqual(['above PARENT belongs to another user']);
  });

  it.skipIf(!isRoot || Number.isNaN(groupOfOthers))('may be writable by a group with nobody else in it, as homes under umask 002 are', () => {
    expect(above((path) => (chownSync(path, 0, 54_321), chmodSync(path, 0o775)))).toEqual([]);
    expect(above((path) => (chownSync(path, 0, groupOfOthers), chmodSync(path, 0o775)))).toEqual(['above PARENT can be written by a group that others are in']);
  });

  it('is looked at where a link leads by way of it', () => {
    const dir = tempDir();
    spoilt(join(dir, 'open'), (path) => chmodSync(path, 0o777));
    mkdirSync(join(dir, 'open/real'));
    symlinkSync('open/real', join(dir, 'link'));
    expect(found(join(dir, 'link/cache'))).toEqual([`above ${dir}/open can be written by everybody`]);
  });

  it.skipIf(!isRoot)('must not be a link of somebody else, wherever that leads', () => {
    const dir = tempDir();
    mkdirSync(join(dir, 'real'));
    symlinkSync('real', join(dir, 'link'));
    expect(found(join(dir, 'link/cache'), { as: 1000 })).toEqual([]);
    lchownSync(join(dir, 'link'), 1000, 1000);
    expect(found(join(dir, 'link/cache'))).toEqual([`above ${dir}/link belongs to another user`]);
  });

  it('that leads in a circle is no endless loop', () => {
    const dir = tempDir();
    symlinkSync('b', join(dir, 'a'));
    symlinkSync('a', join(dir, 'b'));
    expect(found(join(dir, 'a/cache'))).toEqual([`top ${dir}/a/cache cannot be looked at (ELOOP)`]);
  });
});

describe('a level of the cache', () => {
  const LEVELS = ['', 'entries', 'staging', 'stalled', 'placing', 'trash', 'claims', 'spool', 'ready', 'state', 'interpreters', 'pips', 'transactions'];

  it.each(LEVELS)('must not be writable by others: v1/%s', (level) => {
    const dir = made();
    const path = join(dir, 'v1', level).replace(/\/$/, '');
    for (const mode of [0o777, 0o1777]) {
      spoilt(path, () => chmodSync(path, mode));
      expect(found(dir)).toEqual([`inside ${path} can be written by everybody`]);
    }
    expect(codeOf(() => assertTrustworthy(dir))).toBe('CACHE_UNUSABLE');
  });

  it.skipIf(!isRoot).each(LEVELS)('must be ours or root\'s: v1/%s', (level) => {
    const dir = made();
    const path = join(dir, 'v1', level).replace(/\/$/, '');
    spoilt(path, () => chownSync(path, 1000, 1000));
    expect(found(dir)).toEqual([`inside ${path} belongs to another user`]);
    // For that user it is as good as root's.
    expect(found(dir, { as: 1000 })).toEqual([]);
  });

  it('must be no link', () => {
    const dir = made();
    mkdirSync(join(dir, 'v1'));
    symlinkSync('/tmp', join(dir, 'v1/entries'));
    expect(found(dir)).toEqual([`inside ${dir}/v1/entries is a symbolic link`]);
  });

  it.each(['entries/ab', 'ready/0-0-022', 'spool/jobs', 'state/log'])('is looked at two levels deep by whoever is in no hurry: %s', (level) => {
    const dir = made();
    spoilt(join(dir, 'v1', level), (path) => chmodSync(path, 0o777));
    expect(found(dir, { deep: true })).toEqual([`inside ${dir}/v1/${level} can be written by everybody`]);
    expect(whatToDo([...untrusted(dir, uid, { deep: true })][0]!)).toMatch(/^remove it, /);
  });

  it('may be the leases of an older version, which the next clean closes', () => {
    const dir = made();
    const cache = new LocalCache(dir);
    spoilt(cache.path('leases'), (path) => chmodSync(path, 0o1777));
    expect(found(dir)).toEqual([]);
    const local = published(cache);
    cache.remove(local.dir);
    cache.purge(local.dir);
    expect(statSync(cache.path('leases')).mode & 0o7777).toBe(0o755);
  });
});

describe('an entry', () => {
  it.each<[string, (dirs: { entry: string; shard: string }) => void]>([
    ['that others can write', ({ entry }) => chmodSync(entry, 0o777)],
    ['in a directory that others can write', ({ shard }) => chmodSync(shard, 0o1777)],
    ...(isRoot ? [['of somebody else', ({ entry }) => chownSync(entry, 1000, 1000)] satisfies [string, (dirs: { entry: string }) => void]] : []),
    ...(isRoot ? [['in a directory of somebody else', ({ shard }) => chownSync(shard, 1000, 1000)] satisfies [string, (dirs: { shard: string }) => void]] : []),
  ])('%s is a miss', (_what, spoil) => {
    const cache = new LocalCache(made());
    const { dir } = published(cache);
    expect(cache.lookup(KEY)).toBeDefined();
    spoil({ entry: dir, shard: join(dir, '..') });
    expect(new LocalCache(join(cache.root, '..')).lookup(KEY)).toBeUndefined();
  });
});
