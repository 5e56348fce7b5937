import { describe, expect, it } from 'vitest';
import { ENTRY } from '../src/manifest.ts';
import { decodePointer, encodePointer } from '../src/fleet/objects.ts';
import { decodeRecord } from '../src/fleet/journal.ts';
import { seal } from '../src/fleet/seal.ts';
import { decodeIndex, decodeSnapshotPointer } from '../src/fleet/snapshot/format.ts';
import { sha256 } from '../src/hash.ts';
import { PkgCacheError } from '../src/errors.ts';
import { isA } from '../src/shape.ts';
import { gzipSync } from 'node:zlib';
import { KEY, PIP_META } from './cache/support.ts';

const ENTRY_OF = (meta: unknown, key: unknown = KEY): unknown => ({ layout: 1, key, version: '1.0', archive: { filename: 'ash-1.0.whl', sha256: 'a'.repeat(64), ...(key === PACKAGE_KEY && { sha512: 'a'.repeat(128) }) }, size: 5, count: 1, files: 'b'.repeat(64), meta });
const BUILT_KEY = { ecosystem: 'npm', name: 'ash', version: '1.0.0', platform: 'node-abi127-linux-x64-glibc+debian-12', origin: 'o' };
const TREE_KEY = { ecosystem: 'npm', name: 'node_modules', version: 'f'.repeat(64), platform: 'node-22-linux-x64-glibc', origin: 'project' };
const PACKAGE_KEY = { ecosystem: 'npm', name: '@scope/ash', version: '1.0.0', platform: 'any', origin: 'o' };
const TREE = { packages: [['node_modules/ash', 'sha512-x']], links: [], unsupported: [''], built: [], unreviewed: [['allow-scripts', 'two\nlines']], empty: [], bins: [['node_modules/.bin/ash', '../ash/cli.js']] };

describe('what is no manifest, wherever it comes from', () => {
  it.each<[string, object]>([
    ['a console script above its directory', { consoleScripts: [{ name: '../../../x', value: 'ash:main' }] }],
    ['an absolute console script', { consoleScripts: [{ name: '/tmp/x', value: 'ash:main' }] }],
    ['a console script that is its directory', { consoleScripts: [{ name: '.', value: 'ash:main' }] }],
    ['a GUI script above its directory', { guiScripts: [{ name: '../x', value: 'ash:main' }] }],
    ['code in a console script', { consoleScripts: [{ name: 'ash', value: 'ash:main()\nimport os' }] }],
    ['a Python script above its directory', { pythonScripts: ['../../x'] }],
    ['an absolute Python script', { pythonScripts: ['/tmp/x'] }],
    ['metadata above its directory', { distInfo: '../x-1.dist-info' }],
    ['metadata that is no metadata', { distInfo: 'ash' }],
    ['a library directory of its own', { lib: '../../x' }],
    ['a library directory that is another property', { lib: 'constructor' }],
    ['a row outside of the schemes', { outside: [{ scheme: 'data', path: '../x', hash: '', size: 1 }] }],
    ['a row of no scheme', { outside: [{ scheme: '__proto__', path: 'x', hash: '', size: 1 }] }],
    ['lines in the hash of a row', { outside: [{ scheme: 'data', path: 'x', hash: 'sha256=x\n../../y,,', size: 1 }] }],
    ['an escape sequence in a dependency', { requiresDist: ['birch\u001b]0;x\u0007>=1'] }],
    ['an eight bit escape sequence', { requiresPython: '>=3\u009b31m' }],
    ['half a character', { requiresDist: ['birch\ud800'] }],
    ['a name that is an option', { name: '--pre' }],
    ['a version of two lines', { version: '1\n2' }],
    ['no list of dependencies', { requiresDist: null }],
    ['dependencies by number', { requiresDist: { 0: 'birch', length: 1 } }],
    ['a dependency of a million characters', { requiresDist: ['birch '.repeat(200_000)] }],
    ['no word on whether it was built', { built: 1 }],
    ['a prototype', JSON.parse('{"__proto__":{"requiresDist":[]}}') as object],
  ])('%s', (_what, change) => {
    expect(isA(ENTRY, ENTRY_OF(PIP_META))).toBe(true);
    expect(isA(ENTRY, ENTRY_OF({ ...PIP_META, ...change }))).toBe(false);
  });

  it.each<[string, object]>([
    ['a size that is none', { size: 1e308 }],
    ['a size below nothing', { size: -1 }],
    ['a count that is a text', { count: '1' }],
    ['an escape sequence in its version', { version: '1\u001b[31m' }],
    ['an archive of null', { archive: null }],
    ['an archive that lies above', { archive: { filename: '../x.whl', sha256: 'a'.repeat(64) } }],
    ['no hash of its files', { files: undefined }],
    ['no meta', { meta: null }],
    ['meta that is a list', { meta: [] }],
    ['another ecosystem', { key: { ...KEY, ecosystem: '__proto__' } }],
    ['another layout', { layout: 2 }],
  ])('%s', (_what, change) => {
    expect(isA(ENTRY, { ...(ENTRY_OF(PIP_META) as object), ...change })).toBe(false);
  });

  it.each<[string, unknown, object, object]>([
    ['a tree', TREE_KEY, TREE, { packages: [['node_modules/ash']] }],
    ['a tree', TREE_KEY, TREE, { bins: [['../../x', 'y']] }],
    ['a tree', TREE_KEY, TREE, { links: [['/etc', 'y']] }],
    ['a tree', TREE_KEY, TREE, { unreviewed: [['x', 'a\u001b[2J']] }],
    ['a tree', TREE_KEY, TREE, { empty: ['..'] }],
    ['a built package', BUILT_KEY, { integrity: 'sha512-x', links: [['a', 'b']], directories: ['c'] }, { directories: ['../c'] }],
    ['a built package', BUILT_KEY, { integrity: 'sha512-x', links: [['a', 'b']], directories: ['c'] }, { links: { length: 0 } }],
    ['a package', PACKAGE_KEY, { integrity: 'sha512-x', crlf: ['a'], modes: [['a', 64]] }, { crlf: ['../a'] }],
    ['a package', PACKAGE_KEY, { integrity: 'sha512-x', crlf: ['a'], modes: [['a', 64]] }, { modes: [['a', '64']] }],
  ])('%s of npm that is none', (_what, key, meta, change) => {
    expect(isA(ENTRY, ENTRY_OF(meta, key))).toBe(true);
    expect(isA(ENTRY, ENTRY_OF({ ...meta, ...change }, key))).toBe(false);
  });

  it('a package of npm that was not made of a tarball', () => {
    expect(isA(ENTRY, ENTRY_OF({ integrity: 'sha512-x', crlf: [] }, { ...PACKAGE_KEY }))).toBe(false);
  });

  it('but a property that a later version has', () => {
    expect(isA(ENTRY, ENTRY_OF({ ...PIP_META, later: { a: [1] } }))).toBe(true);
  });
});

/** The same numbers each time (Lehmer, MINSTD). */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => (state = (state * 48_271) % 2_147_483_647) % below;
}

const ODD: readonly unknown[] = [null, true, 0, -1, 1.5, 1e308, 2 ** 53, '', '..', '../../x', '/etc/x', 'a\nb', '\u001b[31m', '\ud800', 'x'.repeat(100_000), '__proto__', [], {}, [[]], [null], { length: 3 }, JSON.parse('{"__proto__":1}'), JSON.parse(`${'['.repeat(500)}${']'.repeat(500)}`)];

/** A value with one part of it, somewhere, that is another one. */
function mutated(value: unknown, next: (below: number) => number): unknown {
  if (typeof value !== 'object' || value === null || next(4) === 0) return ODD[next(ODD.length)];
  const keys = Object.keys(value);
  if (keys.length === 0) return ODD[next(ODD.length)];
  const key = keys[next(keys.length)] ?? '';
  const copy = (Array.isArray(value) ? [...(value as unknown[])] : { ...value }) as Record<string, unknown>;
  if (next(8) === 0) Reflect.deleteProperty(copy, key);
  else copy[key] = mutated(copy[key], next);
  return copy;
}

function outcomeOf(work: () => unknown): string {
  try {
    work();
    return 'read';
  } catch (error) {
    // A message that is printed says nothing of what was in there.
    // eslint-disable-next-line no-control-regex
    return error instanceof PkgCacheError && !/[\0-\x1f\x7f-\x9f]/.test(error.message) ? error.code : String(error);
  }
}

describe('whatever is changed in it, it is read or refused, and nothing else', () => {
  const entry = ENTRY_OF({ ...PIP_META, requiresDist: ['birch>=1'], consoleScripts: [{ name: 'ash', value: 'ash:main' }], pythonScripts: ['ash-tool'], outside: [{ scheme: 'data', path: 'share/x', hash: '', size: 1 }] });
  const pointer = { entry, archive: { sha256: 'c'.repeat(64), size: 7 } };
  const member = { at: 0, size: 7, used: 1, mentioned: 1, entry };
  const base = 'v1/snapshots/g/20261122T000000Z';
  const index = { layout: 1, pack: { key: `${base}/x.pack`, size: 7 }, journal: 'v1/journal/x', members: [member] };
  const at = { layout: 1, index: { key: `${base}/x.index`, sha256: 'c'.repeat(64), size: 1 }, count: 1, bytes: 7 };
  const packed = (value: unknown): Buffer => gzipSync(JSON.stringify(value));
  const readIndex = (value: unknown): unknown => decodeIndex(packed(value), { ...at, layout: 1, index: { ...at.index, sha256: sha256(packed(value)) } });
  it.each<[string, unknown, (value: unknown) => unknown]>([
    ['a pointer', pointer, (value) => decodePointer(seal(value), KEY)],
    ['a record of the journal', { layout: 1, refs: [{ key: PACKAGE_KEY, size: 1, original: { sha512: 'd'.repeat(128), meta: { integrity: 'x', crlf: [] } } }] }, (value) => decodeRecord(seal(value))],
    ['a pointer of a snapshot', at, (value) => decodeSnapshotPointer(seal(value), `${base}/pointer`)],
    ['an index of a snapshot', index, readIndex],
  ])('%s', (_what, value, read) => {
    const next = chance(20_261_130);
    expect(outcomeOf(() => read(value))).toBe('read');
    const outcomes = Array.from({ length: 3000 }, () => mutated(value, next)).map((each) => outcomeOf(() => read(each)));
    expect(new Set(outcomes)).toEqual(new Set(['read', 'ARCHIVE_INVALID']));
  });

  it('a pointer is read as it was written', () => {
    expect(decodePointer(encodePointer(pointer as never), KEY)).toEqual(pointer);
  });
});
