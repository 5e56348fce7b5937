import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hostIdentity } from '../../src/cache/claim.ts';
import { entryId, type EntryKey } from '../../src/cache/entry.ts';
import { type LocalCache, type LocalEntry } from '../../src/cache/local.ts';
import { CONTENTS, DEAD_PID, KEY, codeOf, published, staged, tempCache } from './support.ts';

const inStaging = (cache: LocalCache): string[] => (existsSync(cache.path('staging')) ? readdirSync(cache.path('staging')) : []);

describe('entries', () => {
  it('the id of a key is what it always was', () => {
    expect(entryId(KEY)).toBe('61259c56453fc4fa0ec04dde6b70fe299df9a14d7d0aa6a9d59d0f3757b3bc3c');
  });

  it.each(Object.keys(KEY) as (keyof EntryKey)[])('another %s is another entry', (part) => {
    expect(entryId({ ...KEY, [part]: part === 'ecosystem' ? 'npm' : 'other' })).not.toBe(entryId(KEY));
  });

  it('lie where the layout says, and are found again as they are', () => {
    const cache = tempCache();
    expect(cache.lookup(KEY)).toBeUndefined();
    const local = published(cache);
    expect(local.dir).toBe(cache.path('entries', local.id.slice(0, 2), local.id));
    expect(cache.lookup(KEY)).toEqual(local);
    expect(cache.byId(local.id)).toEqual(local);
    expect(cache.files(local).map(({ path }) => path)).toEqual(Object.keys(CONTENTS).sort());
    expect(local.entry).toMatchObject({ count: 4, size: 17 });
    expect(inStaging(cache)).toEqual([]);
  });

  it('cannot be seen before they are published', () => {
    const cache = tempCache();
    const { staging, publish } = staged(cache);
    expect(cache.lookup(KEY)).toBeUndefined();
    expect([...cache.list()].map(({ status, key }) => [status, key?.name])).toEqual([['copying', 'ash']]);
    publish();
    staging.discard();
    expect([...cache.list()].map(({ status, key }) => [status, key?.name])).toEqual([['cached', 'ash']]);
  });

  it('the first of two stays, and the second is told of it', () => {
    const cache = tempCache();
    const [first, second] = [staged(cache, { contents: { a: 'first' } }), staged(cache, { contents: { a: 'second' } })];
    first.publish();
    const answer = second.publish();
    expect(readFileSync(join(answer.dir, 'tree/a'), 'utf8')).toBe('first');
    expect(answer.entry).toEqual(cache.lookup(KEY)!.entry);
    expect(inStaging(cache)).toEqual([]);
  });

  it('one that cannot be read makes room for a new one', () => {
    const cache = tempCache();
    truncateSync(join(published(cache).dir, 'entry.json'));
    expect(cache.lookup(KEY)).toBeUndefined();
    published(cache);
    expect(cache.lookup(KEY)).toBeDefined();
    expect([...cache.list()].map(({ status }) => status)).toEqual(['cached', 'stalled']);
  });

  it('have the modes that everybody can read, whatever the umask', () => {
    const umask = process.umask(0o022);
    try {
      const { dir } = published(tempCache());
      const mode = (path: string): string => (statSync(join(dir, path)).mode & 0o777).toString(8);
      expect(['.', 'tree', 'entry.json', 'files.json', 'tree/bin/c.sh', 'tree/empty'].map(mode)).toEqual(['755', '755', '644', '644', '755', '644']);
    } finally {
      process.umask(umask);
    }
  });

  it('is used: its manifest says when', () => {
    const cache = tempCache();
    const local = published(cache);
    utimesSync(join(local.dir, 'entry.json'), 1, 1);
    cache.touch(local);
    expect([...cache.list()][0]!.lastUsed).toBeGreaterThan(1000);
    expect(() => cache.touch({ ...local, dir: '/nowhere' })).not.toThrow();
  });
});

describe('a manifest that is', () => {
  const change = (local: LocalEntry, by: object): string => JSON.stringify({ ...local.entry, ...by });
  it.each([
    ['garbage', () => '{"layout":'],
    ['empty', () => ''],
    ['null', () => 'null'],
    ['a number', () => '7'],
    ['of another layout', (local: LocalEntry) => change(local, { layout: 2 })],
    ['of another key', (local: LocalEntry) => change(local, { key: { ...KEY, version: '2' } })],
    ['without a key', (local: LocalEntry) => change(local, { key: undefined })],
    ['right in form, and not the one that was published', (local: LocalEntry) => change(local, { meta: { other: true } })],
  ] as [string, (local: LocalEntry) => string][])('%s is a miss', (_what, text) => {
    const cache = tempCache();
    const local = published(cache);
    writeFileSync(join(local.dir, 'entry.json'), text(local));
    expect(cache.lookup(KEY)).toBeUndefined();
    expect(() => [...cache.list()]).not.toThrow();
  });

  it.each<[string, (entry: string) => void]>([
    ['has another hash than was noted', (entry) => writeFileSync(join(entry, 'entry.json'), readFileSync(join(entry, 'entry.json'), 'utf8').replace('x.whl', 'y.whl'))],
    ['has no hash', (entry) => rmSync(join(entry, 'entry.sha256'))],
  ])('%s is thrown away by the next who has the entry', (_what, damage) => {
    const cache = tempCache();
    const local = published(cache);
    damage(local.dir);
    expect(cache.lookup(KEY)).toBeUndefined();
    expect(published(cache).entry).toEqual(local.entry);
    expect(cache.lookup(KEY)).toEqual(local);
    expect([...cache.list()].map(({ status }) => status)).toEqual(['cached', 'stalled']);
  });

  it('right, but with another list of files, is not believed', () => {
    const cache = tempCache();
    const local = published(cache);
    writeFileSync(join(local.dir, 'files.json'), '[]');
    expect(codeOf(() => cache.files(local))).toBe('ENTRY_INVALID');
  });
});

it('an entry in quarantine is a miss, and is kept aside', () => {
  const cache = tempCache();
  const local = published(cache);
  cache.quarantine(local);
  cache.quarantine(local);
  expect(cache.lookup(KEY)).toBeUndefined();
  expect([...cache.list()].map(({ status, key }) => [status, key?.name])).toEqual([['stalled', 'ash']]);
});

describe('sweeping', () => {
  /** What is being made, by somebody else, that long ago (seconds). */
  const begun = (owner: string | undefined, age: number): { cache: LocalCache; remains: () => boolean } => {
    const cache = tempCache();
    const dir = cache.path('staging', 'x.1');
    mkdirSync(join(dir, 'entry'), { recursive: true });
    if (owner !== undefined) writeFileSync(join(dir, 'owner.json'), owner);
    const then = Date.now() / 1000 - age;
    utimesSync(dir, then, then);
    return { cache, remains: () => existsSync(dir) };
  };
  const owner = (pid: number, host = hostIdentity()): string => JSON.stringify({ pid, host, key: KEY });

  it.each([
    ['a process that is alive', owner(process.pid), 1000, true],
    ['a process that has ended', owner(DEAD_PID), 0, false],
    ['another host, now', owner(DEAD_PID, 'elsewhere:1'), 0, true],
    ['another host, long ago', owner(DEAD_PID, 'elsewhere:1'), 1000, false],
    ['nobody yet', undefined, 0, true],
    ['nobody, long ago', undefined, 1000, false],
    ['somebody who was cut off, long ago', '{', 1000, false],
  ])('what was begun by %s', (_whom, text, age, stays) => {
    const { cache, remains } = begun(text, age);
    cache.sweep();
    expect(remains()).toBe(stays);
  });

  it('leaves entries alone', () => {
    const cache = tempCache();
    published(cache);
    cache.sweep();
    expect(cache.lookup(KEY)).toBeDefined();
  });
});
