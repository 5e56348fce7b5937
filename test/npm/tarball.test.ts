import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { unpackTarball } from '../../src/npm/tarball.ts';
import { hex, tempDir } from '../archive/entries.ts';
import { END, member, pax } from '../archive/raw-tar.ts';
import { READINGS, compareAll, npms, tgzOf, type Comparison } from './real-npm.ts';

const MANIFEST = member({ name: 'package/package.json', body: '{"name":"a","version":"1.0.0","bin":{"a":"cli.js"}}\n' });
const file = (name: string, body = name, mode = 0o644): Buffer => member({ name: `package/${name}`, body, mode });
const gnu = (type: string, text: string): Buffer => member({ name: '././@LongLink', type, body: `${text}\0` });
const long = (length: number): string => `package/${'directory/'.repeat(length / 10 - 1)}${'n'.repeat(10)}`;
const base256 = (value: number): Buffer => Buffer.concat([Buffer.from([0x80]), Buffer.alloc(10), Buffer.from([value])]);

/** A member whose header is changed afterwards; its checksum is made right again. */
function changed(block: Buffer, change: (header: Buffer) => void): Buffer {
  const copy = Buffer.from(block);
  change(copy);
  copy.fill(' ', 148, 156);
  copy.write(`${copy.subarray(0, 512).reduce((a, b) => a + b, 0).toString(8).padStart(6, '0')}\0 `, 148);
  return copy;
}

/** Magic and version of GNU tar's own format. */
const gnuMagic = (header: Buffer): unknown => header.write('ustar  \0', 257, 'latin1');
const noMagic = (header: Buffer): unknown => header.fill(0, 257, 265);

/** What npm leaves behind in the same way as ours does. */
const SERVED: Record<string, Buffer[]> = {
  'a plain package': [MANIFEST, file('index.js'), file('lib/a.js'), file('lib/deep/b.js')],
  'an empty file': [MANIFEST, file('empty', '')],
  'bodies of a block, and one byte less and more': [MANIFEST, ...[511, 512, 513].map((size) => file(`f${size}`, 'x'.repeat(size)))],
  'executables': [MANIFEST, file('a', 'a', 0o755), file('b', 'b', 0o777), file('c', 'c', 0o111), file('d', 'd', 0o555)],
  'executables of some': [MANIFEST, file('a', 'a', 0o744), file('b', 'b', 0o700), file('c', 'c', 0o654), file('d', 'd', 0o645), file('e', 'e', 0o001)],
  'files that nobody may read or all may write': [MANIFEST, file('a', 'a', 0), file('b', 'b', 0o600), file('c', 'c', 0o444), file('d', 'd', 0o666)],
  'a mode with the type of the file': [MANIFEST, file('a', 'a', 0o100644), file('b', 'b', 0o100755)],
  'a bin of package.json that is not executable': [MANIFEST, file('cli.js', '#!/usr/bin/env node\r\n')],
  'another top directory': [member({ name: 'left-pad/package.json', body: '{}' }), member({ name: 'other/b.js' }), member({ name: './c.js' })],
  'a top directory with a space': [member({ name: 'my package/package.json', body: '{}' })],
  '. below the top, as pnpm publishes it': [member({ name: 'package/./package.json', body: '{}' }), file('./lib/./a'), file('lib/a', 'second'), file('./c:d'), file('a./b')],
  '.gitignore below .': [MANIFEST, file('./.npmignore', 'npm'), file('./.gitignore', 'git'), file('lib/.npmignore', 'npm'), file('./lib/.gitignore', 'git')],
  'directories, also empty ones': [member({ name: 'package/', type: '5', mode: 0o700 }), MANIFEST, member({ name: 'package/empty/', type: '5' }), member({ name: 'package/bare', type: '5' })],
  'a directory from before those had a type': [MANIFEST, member({ name: 'package/old/' }), file('old/a')],
  'a directory that says it has a size': [member({ name: 'package/lib/', type: '5', size: 4096 }), MANIFEST],
  'a symlink, a hard link, a device and a FIFO': [
    MANIFEST,
    member({ name: 'package/link', type: '2', linkname: '/etc/passwd' }),
    member({ name: 'package/../hard', type: '1', linkname: 'package/package.json' }),
    ...['3', '4', '6'].map((type) => member({ name: `package/special${type}`, type })),
  ],
  'a file where a link was': [MANIFEST, member({ name: 'package/a', type: '2', linkname: '/tmp' }), file('a/b')],
  '.gitignore alone': [MANIFEST, file('.gitignore', 'x'), file('lib/.gitignore', 'y')],
  '.gitignore after .npmignore': [MANIFEST, file('.npmignore', 'npm'), file('.gitignore', 'git')],
  '.gitignore before .npmignore': [MANIFEST, file('.gitignore', 'git', 0o755), file('.npmignore', 'npm and longer')],
  '.npmignore in another directory': [MANIFEST, file('lib/.npmignore', 'npm'), file('.gitignore', 'git')],
  '.gitignore twice, and one in a name': [MANIFEST, file('.gitignore', 'first'), file('.gitignore', 'second'), file('a.gitignore'), file('.gitignore.bak')],
  '.npmignore as a link, and as a directory': [MANIFEST, member({ name: 'package/.npmignore', type: '2', linkname: 'x' }), file('.gitignore', 'git'), file('lib/.npmignore/.gitignore')],
  'a file twice: the bytes of the second': [MANIFEST, file('a', 'the first and longer'), file('a', 'second')],
  'a file twice: the mode of the first': [MANIFEST, file('a', '1'), file('a', '2', 0o755), file('b', '1', 0o755), file('b', '2'), file('b', '3')],
  'a file twice, in two top directories': [MANIFEST, file('a', '1'), member({ name: 'other/a', body: '2' })],
  'a name in prefix and name': [MANIFEST, member({ name: 'n'.repeat(100), prefix: `package/${'p'.repeat(100)}`, body: 'x' })],
  'a prefix of 131 bytes': [MANIFEST, member({ name: 'n', prefix: `package/${'p/'.repeat(61)}p`, body: 'x' })],
  'a prefix of 155 bytes': [MANIFEST, member({ name: 'n', prefix: `package/${'p/'.repeat(73)}p`, body: 'x' })],
  'a PAX path': [MANIFEST, pax({ path: long(300), mtime: '1.5', 'LIBARCHIVE.creationtime': '2' }), member({ name: 'package/short', body: 'x' })],
  'a PAX path that is not ASCII': [MANIFEST, pax({ path: 'package/grüße/日本語.js' }), member({ name: 'package/gr', body: 'x' })],
  'a PAX path in front of a name with a prefix': [MANIFEST, pax({ path: 'package/pax' }), member({ name: 'name', prefix: 'package', body: 'x' })],
  'a PAX path that makes a file a directory': [MANIFEST, pax({ path: 'package/dir/' }), member({ name: 'package/dir' })],
  'a PAX path for a directory': [MANIFEST, pax({ path: 'package/dir' }), member({ name: 'package/dir/', body: '' }), file('b')],
  'a PAX header for a link': [MANIFEST, pax({ path: 'package/l', linkpath: 'x'.repeat(200) }), member({ name: 'package/l', type: '2', linkname: 'x' }), file('b')],
  'a PAX size that is right': [MANIFEST, pax({ size: 3, 'SCHILY.dev': 1 }), member({ name: 'package/a', body: 'abc' })],
  'a global PAX header, as git archive writes it': [pax({ comment: 'e83c5163316f89bfbde7d9ab23ca2e25604af290' }, 'g'), MANIFEST],
  'the PAX header of an early npm, of several blocks': [
    MANIFEST,
    pax({ 'NODETAR.depth': 1, 'NODETAR.package.author.name': 'Jürgen '.repeat(100), path: 'package/pax', 'NODETAR.type': 'File', size: 1 }),
    member({ name: 'package/a', body: 'x' }),
  ],
  'a PAX path of several blocks': [MANIFEST, pax({ path: long(1000) }), member({ name: 'package/short', body: 'x' })],
  'a GNU long name': [MANIFEST, gnu('L', long(300)), member({ name: long(300).slice(0, 100), body: 'x' })],
  'a GNU long name without its NUL': [MANIFEST, member({ name: '././@LongLink', type: 'L', body: 'package/exact' }), member({ name: 'package/ex', body: 'x' })],
  'a GNU long link and name': [MANIFEST, gnu('K', 'x'.repeat(300)), gnu('L', long(300)), member({ name: 'package/l', type: '2', linkname: 'x' }), file('b')],
  'GNU headers': [MANIFEST, changed(file('a', 'x', 0o755), gnuMagic), changed(file('b'), gnuMagic)],
  'v7 headers': [changed(MANIFEST, noMagic), changed(file('a', 'x', 0o755), noMagic)],
  'the type NUL': [MANIFEST, changed(file('a'), (header) => header.fill(0, 156, 157))],
  'a name that is not ASCII': [MANIFEST, file('grüße.js')],
  'a base-256 size': [MANIFEST, member({ name: 'package/a', body: 'abc', size: base256(3) })],
  'numbers with leading spaces, or no NUL': [MANIFEST, changed(file('a', 'abc'), (header) => header.write('   644 \0          3 ', 100) && header.write('00000000003 ', 124))],
  'numbers that are not there': [MANIFEST, changed(file('a', 'abc'), (header) => header.fill(0, 100, 124).fill(' ', 136, 148))],
  'garbage behind the NUL of a name': [MANIFEST, changed(file('a', 'abc'), (header) => header.write('garbage', 40))],
  'times in the prefix': [MANIFEST, changed(file('a', 'abc'), (header) => header.write('00000000001 00000000002 ', 476))],
  'names of unusual characters': [MANIFEST, file(' a'), file('b '), file('-'), file('...'), file("c'\"$`*?"), file('dd:e'), file('CON')],
  'zeros behind the end': [MANIFEST, Buffer.alloc(10_240)],
};

/** What npm repairs, skips or fails at. */
const REFUSED: Record<string, Buffer[]> = {
  'an absolute path': [MANIFEST, member({ name: '/package/a' })],
  'an absolute path below the top': [MANIFEST, member({ name: 'package//etc/a' })],
  '.. as top': [MANIFEST, member({ name: '../a' })],
  '.. below the top': [MANIFEST, file('../a')],
  '.. in the middle': [MANIFEST, file('lib/../a')],
  '. twice': [MANIFEST, file('././a')],
  '. at the end': [MANIFEST, file('a/.')],
  'an empty segment': [MANIFEST, file('lib//a')],
  'a file beside the top directory': [MANIFEST, member({ name: 'a' })],
  'a backslash': [MANIFEST, file('a\\b')],
  'a backslash that would be a root': [MANIFEST, file('\\a')],
  'a drive': [MANIFEST, file('c:a')],
  'a drive as top': [MANIFEST, member({ name: 'c:/a' })],
  'a newline in a name': [MANIFEST, file('a\nb')],
  'a newline behind the NUL of a name': [MANIFEST, changed(file('a'), (header) => header.write('\nb', 40))],
  'a name that is not UTF-8': [MANIFEST, changed(file('a'), (header) => header.fill(0xff, 9, 10))],
  'a name of 256 bytes': [MANIFEST, pax({ path: `package/${'n'.repeat(256)}` }), file('a')],
  'a path of 200 directories': [MANIFEST, pax({ path: `package/${'d/'.repeat(200)}f` }), file('a')],
  'setuid': [MANIFEST, file('a', 'a', 0o4755)],
  'setgid': [MANIFEST, file('a', 'a', 0o2644)],
  'sticky': [MANIFEST, file('a', 'a', 0o1644)],
  'a file and a directory of one name': [MANIFEST, file('a'), file('a/b')],
  'a directory and a file of one name': [MANIFEST, file('a/b'), file('a')],
  'names that differ by case': [MANIFEST, file('Readme'), file('README')],
  'directories that differ by case': [MANIFEST, file('Lib/a'), file('lib/b')],
  'names that differ by normalisation': [MANIFEST, file('u\u0308'), file('\u00fc')],
  'a link with a body': [MANIFEST, member({ name: 'package/l', type: '1', linkname: 'x', body: 'abc' })],
  'a link without a target': [MANIFEST, member({ name: 'package/l', type: '2' })],
  'a file with a link target': [MANIFEST, member({ name: 'package/l', linkname: 'x' })],
  'a long link for a file': [MANIFEST, gnu('K', 'x'), file('a')],
  'a wrong checksum': [MANIFEST, member({ name: 'package/a', checksum: 1 })],
  'no name': [MANIFEST, member({ name: '' })],
  'a prefix and no name': [MANIFEST, member({ name: '', prefix: 'package/a' })],
  'a base-256 size that is none': [MANIFEST, member({ name: 'package/a', size: Buffer.alloc(12, 0x91) })],
  'a negative base-256 size': [MANIFEST, member({ name: 'package/a', size: Buffer.concat([Buffer.alloc(11, 0xff), Buffer.from([1])]) })],
  'a base-256 owner that is none': [MANIFEST, changed(file('a'), (header) => header.fill(0x91, 108, 116))],
  'a size beyond the end': [MANIFEST, member({ name: 'package/a', size: 2 ** 33 - 1 })],
  'a PAX size that desynchronises': [MANIFEST, pax({ size: 512 }), file('a', ''), file('b', '')],
  'a PAX size for the next PAX header': [MANIFEST, pax({ size: 0 }), pax({ path: 'package/b' }), file('a')],
  'a PAX header, then a GNU long name': [MANIFEST, pax({ path: 'package/b' }), gnu('L', 'package/c'), file('a')],
  'a PAX record that is malformed': [MANIFEST, pax('99 path=package/b\n'), file('a')],
  'a PAX record without end': [MANIFEST, pax('18 path=package/b '), file('a')],
  'a PAX record with a newline': [MANIFEST, pax({ comment: 'a\n18 path=package/b' }), file('a')],
  'a PAX path with a NUL': [MANIFEST, pax({ path: 'package/b\0c' }), file('a')],
  'a PAX link for a file': [MANIFEST, pax({ linkpath: 'x' }), file('a')],
  'a PAX mode': [MANIFEST, pax({ mode: 493 }), file('a')],
  'a PAX type': [MANIFEST, pax({ type: 'Directory' }), file('a')],
  'a PAX charset': [MANIFEST, pax({ hdrcharset: 'BINARY' }), file('a')],
  'a GNU sparse file in PAX': [MANIFEST, pax({ 'GNU.sparse.major': 1 }), file('a')],
  'a PAX path of several blocks that is not ASCII': [MANIFEST, pax({ path: `package/${'ü/'.repeat(100)}${'n'.repeat(250)}` }), file('a')],
  'a global PAX path': [pax({ path: 'package/b' }, 'g'), MANIFEST],
  'a global PAX size': [pax({ size: 0 }, 'g'), MANIFEST],
  'an empty PAX header': [MANIFEST, pax(''), file('a')],
  'a PAX header for nothing': [MANIFEST, pax({ path: 'package/b' })],
  'a member behind one block of zeros': [MANIFEST, Buffer.alloc(512), file('a')],
  'a member behind the end': [MANIFEST, END, file('a')],
  'no files': [member({ name: 'package/', type: '5' })],
  'nothing': [],
};

for (const type of ['7', 'D', 'S', 'M', 'V', 'A', 'I', 'N', 'X', 'Z', '\u00e9']) REFUSED[`the type ${type}`] = [MANIFEST, member({ name: 'package/a', type })];

const plain = Buffer.concat([MANIFEST, file('a'), END]);

/** Bytes that are no single complete gzip member. */
const BROKEN: Record<string, Buffer> = {
  'nothing': Buffer.alloc(0),
  'a login page': Buffer.from('<!doctype html>'.repeat(100)),
  'a plain tar': plain,
  'a truncated gzip': gzipSync(plain).subarray(0, -20),
  'a gzip without its last byte': gzipSync(plain).subarray(0, -1),
  'another checksum': Buffer.concat([gzipSync(plain).subarray(0, -8), Buffer.alloc(4, 1), gzipSync(plain).subarray(-4)]),
  'two gzip members': Buffer.concat([gzipSync(plain.subarray(0, 1024)), gzipSync(plain.subarray(1024))]),
  'a gzip member more': Buffer.concat([gzipSync(plain), gzipSync('more')]),
  'bytes behind the gzip': Buffer.concat([gzipSync(plain), Buffer.from('trailing')]),
  'zeros behind the gzip': Buffer.concat([gzipSync(plain), Buffer.alloc(512)]),
  'a tar without end': gzipSync(plain.subarray(0, -1024)),
  'a tar with half an end': gzipSync(plain.subarray(0, -512)),
  'a tar that ends within a body': gzipSync(plain.subarray(0, 700)),
  'a bomb': gzipSync(Buffer.concat([MANIFEST, member({ name: 'package/a', body: Buffer.alloc(8 << 20) }), END])),
};

describe.each(npms())('what the pacote of %s leaves', (npm) => {
  test('of every tarball that is served', async () => {
    const names = Object.keys(SERVED);
    const results = await compareAll(names.map((name) => tgzOf(...SERVED[name]!)), npm);
    expect(byName(names, results, (result) => result.ours)).toEqual(byName(names, results, (result) => result.theirs));
    expect(byName(names, results, ({ list }) => list.map(({ path, size, sha256, executable }) => [path, executable, `${size} ${sha256}`]).sort())).toEqual(
      byName(names, results, ({ theirs }) => Object.entries(theirs).filter(([, entry]) => !/^\d+ - /.test(entry)).map(([path, entry]) => [path, entry.startsWith('7'), entry.replace(/^\d+ /, '')]).sort()),
    );
  });

  test('headers changed at random: the same, or refused', async () => {
    const random = generator(1);
    const mutants = Array.from({ length: 150 }, () => mutant(random));
    const results = await compareAll(mutants, npm);
    const accepted = results.filter(({ ours }) => typeof ours !== 'string');
    expect(accepted.map(({ ours }) => ours)).toEqual(accepted.map(({ theirs }) => theirs));
    expect(accepted.length).toBeGreaterThan(30);
  });
});

describe.each(READINGS)('refuses, %s', (_, inMemory) => {
  const tarballs = { ...Object.fromEntries(Object.entries(REFUSED).map(([name, parts]) => [name, tgzOf(...parts)])), ...BROKEN };
  test.each(Object.entries(tarballs))('%s', (_name, tarball) => {
    const dir = tempDir();
    expect(() => unpackTarball(tarball, join(dir, 'out'), inMemory)).toThrow(expect.objectContaining({ name: 'PkgCacheError', code: 'ARCHIVE_INVALID' }));
    expect(readdirSync(dir)).toEqual([]);
  });

  test('more than 200,000 members', () => {
    const tarball = tgzOf(MANIFEST, Buffer.alloc(512 * 200_000, member({ name: 'package/d/', type: '5' })));
    expect(() => unpackTarball(tarball, join(tempDir(), 'out'), inMemory)).toThrow(/200000 members|far more than it is/);
  });

  test('more, or less, than the trailer says', () => {
    for (const size of [plain.length - 1, plain.length + 1, 2 * plain.length, 0]) {
      const tarball = gzipSync(plain);
      tarball.writeUInt32LE(size, tarball.length - 4);
      const dir = tempDir();
      expect(() => unpackTarball(tarball, join(dir, 'out'), inMemory)).toThrow(expect.objectContaining({ code: 'ARCHIVE_INVALID' }));
      expect(readdirSync(dir)).toEqual([]);
    }
  });
});

function byName(names: readonly string[], results: readonly Comparison[], part: (result: Comparison) => unknown): Record<string, unknown> {
  return Object.fromEntries(names.map((name, index) => [name, part(results[index]!)]));
}

/** A tarball of some served members, of which one has a byte changed in its header, with the checksum made right. */
function mutant(random: (below: number) => number): Buffer {
  const all = Object.values(SERVED).flat().filter((part) => part[0] !== 0);
  const parts = [MANIFEST, ...Array.from({ length: 3 }, () => all[random(all.length)]!), file('last')];
  const at = random(parts.length);
  const interesting = [0, 0x20, 0x2e, 0x2f, 0x30, 0x31, 0x35, 0x37, 0x5c, 0x80, 0xff, random(256)];
  const offset = random(2) ? random(512) : [0, 8, 99, 100, 106, 107, 124, 134, 135, 155, 156, 157, 257, 263, 345, 475, 476][random(17)]!;
  parts[at] = changed(parts[at]!, (header) => header.fill(interesting[random(interesting.length)]!, offset, offset + 1));
  return tgzOf(...parts);
}

/** Numbers that are the same in every run (a linear congruential generator). */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Text of so many characters that compresses to half of that. */
function noise(length: number): string {
  return randomBytes(length / 2).toString('hex');
}

/** Numbers of bytes around those that a reader holds at once. */
const SIZES = [0, 1, 511, 512, (256 << 10) - 512, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 3 << 20];

test.each(READINGS)('files of all sizes, which hardly compress, in an order of their own, %s', (_, inMemory) => {
  const bodies = SIZES.map((size, i) => [`f${(i * 5) % SIZES.length}`, randomBytes(size)] as const);
  const parts = bodies.map(([name, body]) => member({ name: `package/${name}`, body }));
  const out = join(tempDir(), 'out');
  const { files } = unpackTarball(tgzOf(MANIFEST, parts[0]!, member({ name: 'package/f1', body: 'not the last one' }), ...parts), out, inMemory);
  expect(files.length).toBe(SIZES.length + 1);
  for (const [name, body] of bodies) {
    expect(readFileSync(join(out, name)).equals(body)).toBe(true);
    expect(files.find(({ path }) => path === name)).toEqual({ path: name, size: body.length, sha256: hex(body), executable: false });
  }
});

test.each(READINGS)('an extension header as long as they may be, %s', (_, inMemory) => {
  const comment = noise((1 << 20) - 100);
  const out = join(tempDir(), 'out');
  expect(unpackTarball(tgzOf(MANIFEST, pax({ comment, path: 'package/b' }), file('a')), out, inMemory).files.map(({ path }) => path)).toEqual(['b', 'package.json']);
  expect(() => unpackTarball(tgzOf(MANIFEST, pax({ comment: `${comment}${comment}` }), file('a')), `${out}2`, inMemory)).toThrow(expect.objectContaining({ code: 'ARCHIVE_INVALID' }));
});

test.each(READINGS)('scripts that a bin link would rewrite are told, %s', (_, inMemory) => {
  const scripts = [file('dos', '#!/usr/bin/env node\r\nrun()\r\n'), file('unix', '#!/usr/bin/env node\nrun()\r\n'), file('none', 'run()\r\n'), file('short', '#')];
  const large = [file('large', `#!x\r\n${noise(1 << 20)}`), file('late', `#!${noise(2048)}\r\n${noise(1 << 20)}`)];
  expect(unpackTarball(tgzOf(MANIFEST, ...scripts, ...large), join(tempDir(), 'out'), inMemory).crlf).toEqual(['dos', 'large']);
});

test('the list is sorted by code unit and has no times', () => {
  const out = join(tempDir(), 'out');
  const { files: list } = unpackTarball(tgzOf(MANIFEST, file('b', 'b', 0o755), file('a/c'), file('Z')), out);
  expect(list.map(({ path }) => path)).toEqual(['Z', 'a/c', 'b', 'package.json']);
  expect(list[2]).toEqual({ path: 'b', size: 1, sha256: hex('b'), executable: true });
});

test('a directory that is there is left alone', () => {
  const out = join(tempDir(), 'out');
  mkdirSync(join(out, 'kept'), { recursive: true });
  expect(() => unpackTarball(tgzOf(MANIFEST), out)).toThrow(expect.objectContaining({ code: 'CACHE_UNUSABLE' }));
  expect(readdirSync(out)).toEqual(['kept']);
});

test('nothing is left when the system fails', () => {
  const out = join(tempDir(), 'out');
  // 4096 bytes of path are allowed, but here they stand below a directory.
  const path = `package/${Array.from({ length: 16 }, () => 'n'.repeat(254)).join('/')}`;
  expect(() => unpackTarball(tgzOf(MANIFEST, pax({ path }), file('a')), out)).toThrow(expect.objectContaining({ code: 'CACHE_UNUSABLE' }));
  expect(existsSync(out)).toBe(false);
});

test('modes do not depend on the umask', async () => {
  const before = process.umask(0o077);
  onTestFinished(() => void process.umask(before));
  const [result] = await compareAll([tgzOf(MANIFEST, file('bin/a', 'a', 0o755), file('b'))], npms()[0]!);
  expect(result!.ours).toEqual(result!.theirs);
});
