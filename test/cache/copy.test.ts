import { appendFileSync, chmodSync, existsSync, linkSync, mkdirSync, readFileSync, readdirSync, statSync, truncateSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { copyTree, deviceOf, modesFor, type LinkMode } from '../../src/cache/copy.ts';
import { CONTENTS, codeOf, published, tempCache, tempDir } from './support.ts';

const MEMORY = '/dev/shm';
const twoDisks = existsSync(MEMORY) && deviceOf(MEMORY) !== deviceOf(tempDirParent());

function tempDirParent(): string {
  return process.env['TMPDIR'] ?? '/tmp';
}

interface Copying {
  readonly umask?: number;
  readonly mode?: LinkMode;
  readonly parent?: string;
}

/** An entry, and a way to copy it to somewhere new. */
function copying({ umask = 0o022, mode = 'private', parent }: Copying = {}) {
  const cache = tempCache();
  const local = published(cache);
  const to = join(tempDir(parent), 'new/tree');
  const source = (path: string): string => join(local.dir, 'tree', path);
  const copy = (): string => codeOf(() => copyTree({ from: join(local.dir, 'tree'), to, files: cache.files(local), mode, modes: modesFor(umask) }));
  return { to, source, copy, inode: (path: string) => statSync(path).ino, target: (path: string) => join(to, path) };
}

describe.each(['private', 'hardlink'] as const)('%s', (mode) => {
  it('copies bytes, modes and the times that matter', () => {
    const { to, copy } = copying({ mode });
    expect(copy()).toBe('ok');
    for (const [path, text] of Object.entries(CONTENTS)) expect(readFileSync(join(to, path), 'utf8')).toBe(text);
    expect(statSync(join(to, 'lib/a.py')).mtimeMs).toBe(1_600_000_000_000);
    expect(statSync(join(to, 'bin/c.sh')).mode & 0o777).toBe(0o755);
  });

  it.each([
    [0o022, '644', '755', '755'],
    [0o077, '600', '711', '700'],
    [0o002, '664', '775', '775'],
    [0o000, '666', '777', '777'],
  ])('under umask %o', (umask, file, executable, directory) => {
    const before = process.umask(0o022);
    try {
      const { to, copy } = copying({ mode, umask });
      expect(copy()).toBe('ok');
      expect(['empty', 'bin/c.sh', 'lib'].map((path) => (statSync(join(to, path)).mode & 0o777).toString(8))).toEqual([file, executable, directory]);
    } finally {
      process.umask(before);
    }
  });

  it.each([0o600, 0o444, 0o777])('gives the modes of the list, whatever modes the files of the cache have: %o', (found) => {
    const { source, copy, target } = copying({ mode });
    for (const path of ['empty', 'lib/a.py', 'bin/c.sh']) chmodSync(source(path), found);
    expect(copy()).toBe('ok');
    const modes = ['empty', 'lib/a.py', 'bin/c.sh'].map((path) => (statSync(target(path)).mode & 0o7777).toString(8));
    expect(modes).toEqual(['644', '644', '755']);
  });

  it.each([
    ['is longer', (path: string) => appendFileSync(path, 'x'), 'ENTRY_INVALID'],
    ['is shorter', (path: string) => truncateSync(path), 'ENTRY_INVALID'],
    ['is gone', (path: string) => unlinkSync(path), 'ENOENT'],
  ] as [string, (path: string) => void, string][])('a file that %s: nothing is left', (_what, damage, code) => {
    const { to, source, copy } = copying({ mode });
    damage(source('lib/b.txt'));
    expect(copy()).toBe(code);
    expect(existsSync(to)).toBe(false);
  });

  it.skipIf(!twoDisks)('crosses file systems', () => {
    const { to, source, copy, inode, target } = copying({ mode, parent: MEMORY });
    expect(copy()).toBe('ok');
    expect(readFileSync(join(to, 'lib/a.py'), 'utf8')).toBe('a = 1\n');
    expect(statSync(target('lib/a.py')).dev).not.toBe(statSync(source('lib/a.py')).dev);
    expect(inode(target('lib/a.py'))).toBeDefined();
  });
});

describe('what a job writes into an installed file', () => {
  it('stays there when files are private', () => {
    const { source, copy, target, inode } = copying();
    copy();
    expect(inode(target('lib/b.txt'))).not.toBe(inode(source('lib/b.txt')));
    writeFileSync(target('lib/b.txt'), 'other');
    expect(readFileSync(source('lib/b.txt'), 'utf8')).toBe('b');
  });

  it('private files come out although the time of one has changed', () => {
    const { source, copy } = copying();
    utimesSync(source('lib/a.py'), 5, 5);
    expect(copy()).toBe('ok');
  });

  const future = Date.now() / 1000 + 60;
  it.each([
    ['another size', (path: string) => writeFileSync(path, 'other'), 'lib/b.txt'],
    ['the same size, later', (path: string) => (writeFileSync(path, 'x'), utimesSync(path, future, future)), 'lib/b.txt'],
    ['the same size, of a source', (path: string) => writeFileSync(path, 'a = 2\n'), 'lib/a.py'],
  ] as [string, (path: string) => void, string][])('is noticed when files are hardlinks: %s', (_what, write, path) => {
    const { source, copy, target, to, inode } = copying({ mode: 'hardlink' });
    expect(copy()).toBe('ok');
    expect(inode(target(path))).toBe(inode(source(path)));
    write(target(path));
    mkdirSync(`${to}-again`);
    expect(codeOf(() => copyAgain(source('.'), `${to}-again/tree`))).toBe('ENTRY_INVALID');
  });

  function copyAgain(tree: string, to: string): void {
    const rows = JSON.parse(readFileSync(join(tree, '../files.json'), 'utf8')) as [string, number, string, number, number | null][];
    const files = rows.map(([path, size, sha256, executable, mtime]) => ({ path, size, sha256, executable: executable === 1, ...(mtime === null ? {} : { mtime }) }));
    copyTree({ from: join(tree, '.'), to, files, mode: 'hardlink', modes: modesFor(0o022) });
  }
});

it('hardlinks need the modes of the cache: under another umask files are copied', () => {
  const { source, copy, target, inode } = copying({ mode: 'hardlink', umask: 0o077 });
  expect(copy()).toBe('ok');
  expect(inode(target('empty'))).not.toBe(inode(source('empty')));
  expect(statSync(source('empty')).mode & 0o777).toBe(0o644);
});

it('a file with as many links as there can be is copied', () => {
  const { source, copy, target, inode } = copying({ mode: 'hardlink' });
  const links = `${source('.')}/../links`;
  mkdirSync(links);
  const limit = 65_100;
  let made = 0;
  while (made < limit && codeOf(() => linkSync(source('empty'), `${links}/${made}`)) === 'ok') made++;
  expect(copy()).toBe('ok');
  expect(inode(target('empty')) === inode(source('empty'))).toBe(made === limit);
});

it('a target that is there already is not written into', () => {
  const { to, copy } = copying();
  mkdirSync(join(to, 'lib'), { recursive: true });
  writeFileSync(join(to, 'empty'), 'precious');
  chmodSync(join(to, 'empty'), 0o600);
  expect(copy()).toBe('PLACE_FAILED');
  expect(readdirSync(to)).toEqual(['empty', 'lib']);
  expect(readFileSync(join(to, 'empty'), 'utf8')).toBe('precious');
});
