import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { packEntry } from '../../src/archive/pack.ts';
import { unpackEntry } from '../../src/archive/unpack.ts';
import { hex, packed, row, tempDir, type Given } from './entries.ts';
import { WAYS } from './ways.ts';

const MTIME = 1_600_000_000;

const ENTRY: Given[] = [
  { path: 'pkg/__init__.py' },
  { path: 'pkg/a.py', text: 'a = 1\n', mtime: MTIME },
  { path: 'pkg/exactly-one-block', text: 'x'.repeat(512) },
  { path: 'pkg/larger-than-the-buffer', text: 'y'.repeat(3 * 2 ** 20 + 1) },
  { path: 'pkg/tool', text: '#!/bin/sh\n', executable: true },
  { path: 'pkg/back\\slash and space' },
  { path: 'pkg/.hidden/..two', text: 'dots' },
  { path: 'pkg/ünïcödé/文件.txt', text: 'ü' },
  { path: `pkg/${'n'.repeat(255)}`, text: '255' },
  { path: `pkg/${'ü'.repeat(127)}`, text: '254 bytes' },
  { path: `pkg/${'d'.repeat(60)}/${'e'.repeat(60)}`, text: 'more than 100' },
  { path: `pkg/${'deep/'.repeat(70)}leaf`, text: 'more than 255' },
  { path: 'pkg.dist-info/RECORD', text: 'pkg/a.py,,\r\n' },
];

function modeOf(path: string): number {
  return statSync(path).mode & 0o7777;
}

const ROUND_TRIPS = (['path', 'bytes'] as const).flatMap((kind) => Object.entries(WAYS).map(([how, unpack]) => ({ kind, how, unpack })));

describe.each(ROUND_TRIPS)('a round trip from $kind, $how', ({ kind, unpack }) => {
  test.each([false, true])('gives the same files, modes and times (trusted: %s)', async (trusted) => {
    const entry = packed(ENTRY);
    const out = join(entry.dir, 'out');
    const source = kind === 'path' ? { path: entry.tar } : { bytes: entry.bytes };
    expect(unpack(source, out, entry.expected, { trusted })).toBe(entry.filesJson);
    expect(readdirSync(out).sort()).toEqual(['files.json', 'tree']);
    expect(readFileSync(join(out, 'files.json'), 'utf8')).toBe(entry.filesJson);
    expect(readdirSync(join(out, 'tree'), { recursive: true }).sort()).toEqual(readdirSync(entry.treeDir, { recursive: true }).sort());
    for (const { path, text = '', executable = false, mtime } of ENTRY) {
      const file = join(out, 'tree', path);
      expect(readFileSync(file, 'utf8')).toBe(text);
      expect(modeOf(file)).toBe(executable ? 0o755 : 0o644);
      expect(statSync(file).mtimeMs === MTIME * 1000).toBe(mtime === MTIME);
    }
  });
});

test.each(Object.entries(WAYS))('paths that look like parts of a list, %s', (_, unpack) => {
  const paths = [',1,', ',0,null],[', '],[', `],["a",0,"${hex('')}",0,null`, 'a', 'a],', '[', '[["b', '\\"', '\\'].sort();
  for (const some of [paths, paths.filter((path) => !/["\\]/.test(path))]) {
    const entry = packed(some.map((path) => ({ path, text: path })));
    const out = join(entry.dir, 'out');
    expect(unpack({ bytes: entry.bytes }, out, entry.expected)).toBe(entry.filesJson);
    for (const path of some) expect(readFileSync(join(out, 'tree', path), 'utf8')).toBe(path);
  }
});

const UMASKS = [0o077, 0o002, 0o000, 0o177].flatMap((umask) => Object.entries(WAYS).map(([how, unpack]) => ({ umask, how, unpack })));

test.each(UMASKS)('modes do not depend on the umask $umask ($how)', ({ umask, unpack }) => {
  const entry = packed([{ path: 'd/e/plain' }, { path: 'd/tool', executable: true }]);
  const out = join(entry.dir, 'out');
  underUmask(umask, () => unpack({ bytes: entry.bytes }, out, entry.expected));
  for (const directory of ['', 'tree', 'tree/d', 'tree/d/e']) expect(modeOf(join(out, directory))).toBe(0o755);
  expect(modeOf(join(out, 'files.json'))).toBe(0o644);
  expect(modeOf(join(out, 'tree/d/e/plain'))).toBe(0o644);
  expect(modeOf(join(out, 'tree/d/tool'))).toBe(0o755);
});

test('a setgid parent directory does not show in the modes', async () => {
  const entry = packed([{ path: 'd/plain' }]);
  const parent = join(tempDir(), 'parent');
  mkdirSync(parent);
  chmodSync(parent, 0o2775);
  unpackEntry({ bytes: entry.bytes }, join(parent, 'out'), entry.expected);
  expect(modeOf(join(parent, 'out'))).toBe(0o755);
  expect(modeOf(join(parent, 'out/tree/d'))).toBe(0o755);
});

test('an entry without files', async () => {
  const entry = packed([]);
  unpackEntry({ path: entry.tar }, join(entry.dir, 'out'), entry.expected);
  expect(readdirSync(join(entry.dir, 'out/tree'))).toEqual([]);
});

test('the sum and size that packing returns are those of the file, and equal trees give equal bytes', () => {
  const [one, two] = [packed(ENTRY), packed([...ENTRY].reverse())];
  expect(one.result).toEqual({ sha256: hex(one.bytes), size: one.bytes.length });
  expect(two.result).toEqual(one.result);
});

const isGnuTar = execFileSync('tar', ['--version'], { encoding: 'utf8' }).includes('GNU');

test.runIf(isGnuTar)('GNU tar lists and extracts our archives', () => {
  const entry = packed(ENTRY);
  const names = execFileSync('tar', ['-tf', entry.tar, '--quoting-style=literal'], { encoding: 'utf8' }).trimEnd().split('\n');
  expect(names).toEqual(['files.json', ...entry.files.map((file) => `tree/${file.path}`)]);
  const out = tempDir();
  execFileSync('tar', ['-xf', entry.tar, '-C', out]);
  for (const { path, text = '' } of ENTRY) expect(readFileSync(join(out, 'tree', path), 'utf8')).toBe(text);
});

describe('packing refuses an entry that is not what its list says, and leaves no file', () => {
  const cases: [string, (dir: string) => void][] = [
    ['other bytes', (dir) => writeFileSync(join(dir, 'pkg/a.py'), 'a = 2\n')],
    ['shorter', (dir) => truncateSync(join(dir, 'pkg/a.py'), 3)],
    ['longer', (dir) => writeFileSync(join(dir, 'pkg/a.py'), 'a = 1\n ')],
    ['missing', (dir) => rmSync(join(dir, 'pkg/a.py'))],
    ['a directory', (dir) => (rmSync(join(dir, 'pkg/a.py')), mkdirSync(join(dir, 'pkg/a.py')))],
    ['a link', (dir) => (rmSync(join(dir, 'pkg/a.py')), symlinkSync('b.py', join(dir, 'pkg/a.py')))],
    ['a FIFO', (dir) => (rmSync(join(dir, 'pkg/a.py')), execFileSync('mkfifo', [join(dir, 'pkg/a.py')]))],
  ];
  test.each(cases)('%s', (_, change) => {
    const entry = packed([{ path: 'pkg/a.py', text: 'a = 1\n' }, { path: 'pkg/b.py', text: 'a = 1\n' }]);
    change(entry.treeDir);
    const dest = join(entry.dir, 'b.tar');
    expect(() => packEntry(entry, dest)).toThrow(expect.objectContaining({ code: 'ENTRY_INVALID' }));
    expect(existsSync(dest)).toBe(false);
  });

  test('a list that its own readers would refuse', () => {
    expect(() => packed([{ path: 'a' }, { path: 'A' }])).toThrow(expect.objectContaining({ code: 'ENTRY_INVALID' }));
    expect(() => packed([{ path: 'a', mtime: -1 }])).toThrow(expect.objectContaining({ code: 'ENTRY_INVALID' }));
  });

  test('a list with another text', () => {
    const entry = packed([{ path: 'a' }]);
    const source = { ...entry, files: [row({ path: 'b' })] };
    expect(() => packEntry(source, join(entry.dir, 'b.tar'))).toThrow(expect.objectContaining({ code: 'ENTRY_INVALID' }));
  });
});

test('what was there before is neither overwritten nor removed', async () => {
  const entry = packed([{ path: 'a' }]);
  expect(() => packEntry(entry, entry.tar)).toThrow(expect.objectContaining({ code: 'CACHE_UNUSABLE' }));
  expect(hex(readFileSync(entry.tar))).toBe(entry.result.sha256);
  expect(() => unpackEntry({ path: entry.tar }, entry.treeDir, entry.expected)).toThrow(expect.objectContaining({ code: 'CACHE_UNUSABLE' }));
  expect(readdirSync(entry.treeDir)).toEqual(['a']);
});

function underUmask(umask: number, action: () => unknown): void {
  const before = process.umask(umask);
  onTestFinished(() => void process.umask(before));
  action();
  process.umask(before);
}
