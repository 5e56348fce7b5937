import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { serialiseFiles, type EntryFile } from '../../src/cache/entry.ts';
import type { PkgCacheError } from '../../src/errors.ts';
import { expectedOf, hex, packed, row, tempDir, type Given } from './entries.ts';
import { END, member, pax } from './raw-tar.ts';
import { WAYS } from './ways.ts';

const A = { path: 'pkg/a.py', text: 'a = 1\n' };
const B = { path: 'pkg/b.py', text: 'b = 2\n' };
const HONEST = [A, B];

/** The members of an honest archive, one buffer each, for a test to spoil. */
function members(given: readonly Given[], text = serialiseFiles(given.map(row))): Buffer[] {
  const bodies = given.map(({ path, text: body, executable, mtime = 0 }) =>
    member({ name: `tree/${path}`, mtime, mode: executable ? 0o755 : 0o644, ...(body === undefined ? {} : { body }) }),
  );
  return [member({ name: 'files.json', body: text }), ...bodies, END];
}

/** Unpacks from memory and from a file, in all ways; each must refuse, and leave nothing in or beside the target. */
async function expectRefused(archive: Buffer, files: readonly EntryFile[], expected = expectedOf(files), message = /./): Promise<void> {
  const dir = tempDir();
  const path = join(dir, 'hostile.tar');
  writeFileSync(path, archive);
  for (const source of [{ path }, { bytes: archive }]) {
    for (const trusted of [false, true]) {
      for (const unpack of Object.values(WAYS)) {
        const action = (): unknown => unpack(source, join(dir, 'out'), expected, { trusted });
        expect(action).toThrow(expect.objectContaining({ name: 'PkgCacheError', code: 'ARCHIVE_INVALID', message: expect.stringMatching(message) }));
        expect(readdirSync(dir)).toEqual(['hostile.tar']);
      }
    }
  }
}

test('the control: the test\'s own tar writer makes an archive that is accepted, and is what packEntry makes', async () => {
  const archive = Buffer.concat(members(HONEST));
  const entry = packed(HONEST);
  expect(entry.bytes.equals(archive)).toBe(true);
  for (const unpack of Object.values(WAYS)) expect(unpack({ bytes: archive }, join(tempDir(), 'out'), entry.expected)).toBe(entry.filesJson);
});

describe('lists with paths that no entry has, and an archive to match', () => {
  const lists: [string, string[]][] = [
    ['..', ['../escape']],
    ['.. in the middle', ['a/../../../escape']],
    ['.. at the end', ['a/..']],
    ['.', ['./a']],
    ['an empty segment', ['a//b']],
    ['a trailing slash', ['a/']],
    ['empty', ['']],
    ['absolute', ['/tmp/pkg-cache-escape']],
    ['NUL', ['a\0b']],
    ['a newline', ['a\nb']],
    ['a lone surrogate', ['a\ud800']],
    ['a name of 256 bytes', ['n'.repeat(256)]],
    ['a name of 256 bytes and fewer characters', ['ü'.repeat(128)]],
    ['a path of more than 4096 bytes', [`${'n'.repeat(200)}/`.repeat(21) + 'leaf']],
    ['a bomb by depth', ['d/'.repeat(200) + 'leaf']],
    ['a file and a directory of one name', ['a', 'a/b']],
    ['a file and a directory, but for case', ['A/b', 'a']],
    ['names that differ by case', ['Readme', 'readme']],
    ['directories that differ by case', ['Pkg/a', 'pkg/b']],
    ['names that differ by normalisation', ['u\u0308', '\u00fc']],
    ['names that differ by case and normalisation', ['U\u0308', '\u00fc']],
    ['names that differ by case folding', ['ss', '\u00df']],
    ['a name twice', ['a', 'a']],
    ['another order', ['b', 'a']],
    ['a bomb of directories', Array.from({ length: 40 }, (_, i) => `${String(i).padStart(2, '0')}/${'d/'.repeat(100)}leaf`)],
  ];
  test.each(lists)('%s', async (_, paths) => {
    const given = paths.map((path) => ({ path }));
    const text = JSON.stringify(given.map((each) => [each.path, 0, hex(''), 0, null]));
    const body = (path: string) => (Buffer.byteLength(path) > 95 ? Buffer.concat([pax({ path: `tree/${path}` }), member({ name: `tree/${path}`.slice(0, 99) })]) : member({ name: `tree/${path}` }));
    const archive = Buffer.concat([member({ name: 'files.json', body: text }), ...paths.map(body), END]);
    await expectRefused(archive, given.map(row), expectedOf(given.map(row), text), /^unsafe path|^two files|^two director|both a file|far more|normal form/);
    expect(existsSync('/tmp/pkg-cache-escape')).toBe(false);
  });
});

describe('lists that are not lists', () => {
  const sha = hex('');
  const texts: [string, string][] = [
    ['no JSON', '['],
    ['no list', '{}'],
    ['no rows', '[1]'],
    ['null', 'null'],
    ['a path that is no text', `[[1,0,"${sha}",0,null]]`],
    ['a negative size', `[["a",-1,"${sha}",0,null]]`],
    ['a size that is no number', `[["a","0","${sha}",0,null]]`],
    ['a size with a fraction', `[["a",0.5,"${sha}",0,null]]`],
    ['a size beyond 2^53', `[["a",1e300,"${sha}",0,null]]`],
    ['a hash that is none', '[["a",0,"00",0,null]]'],
    ['a hash in upper case', `[["a",0,"${sha.toUpperCase()}",0,null]]`],
    ['a mode that is none', `[["a",0,"${sha}",4095,null]]`],
    ['a time that is none', `[["a",0,"${sha}",0,"now"]]`],
    ['a time before 1970', `[["a",0,"${sha}",0,-1]]`],
    ['a time beyond ustar', `[["a",0,"${sha}",0,8589934592]]`],
    ['a row with more', `[["a",0,"${sha}",0,null,1]]`],
    ['white space', `[["a",0,"${sha}",0,null]] `],
    ['bytes that are not UTF-8', `[["\xff",0,"${sha}",0,null]]`],
  ];
  test.each(texts)('%s', async (name, text) => {
    const bytes = Buffer.from(text, name.startsWith('bytes') ? 'latin1' : 'utf8');
    await expectRefused(archiveOf(bytes), [], expectedFor(bytes), /^the file list|^files.json/);
  });

  test('the control', async () => {
    const bytes = Buffer.from(`[["a",0,"${sha}",0,null]]`);
    for (const unpack of Object.values(WAYS)) expect(unpack({ bytes: archiveOf(bytes) }, join(tempDir(), 'out'), expectedFor(bytes))).toBe(bytes.toString());
  });

  const archiveOf = (list: Buffer) => Buffer.concat([member({ name: 'files.json', body: list }), member({ name: 'tree/a' }), END]);
  const expectedFor = (list: Buffer) => ({ filesHash: hex(list), size: 0, count: 1 });
});

describe('archives that are not those of their list', () => {
  const files = HONEST.map(row);
  const [list, a, b, end] = members(HONEST) as [Buffer, Buffer, Buffer, Buffer];
  const name = 'tree/pkg/a.py';
  const body = A.text;
  const instead = (...parts: Buffer[]) => Buffer.concat([list, ...parts, b, end]);
  const types = { link: '1', symlink: '2', character: '3', block: '4', directory: '5', FIFO: '6', contiguous: '7', GNU_dump: 'D', sparse: 'S', volume: 'V', old: '\0', unknown: '?' };
  const base256 = (first: number, last: number) => Buffer.concat([Buffer.from([first]), Buffer.alloc(10, first & 0x7f ? 0xff : 0), Buffer.from([last])]);
  const archives: [string, Buffer][] = [
    ...Object.entries(types).map(([label, type]): [string, Buffer] => [`type ${label}`, instead(member({ name, body, type, linkname: '../../escape' }))]),
    ['a symlink in front of a file of its name', instead(member({ name: 'tree/pkg', type: '2', linkname: '/tmp' }), a)],
    ['a directory in front', instead(member({ name: 'tree/pkg/', type: '5' }), a)],
    ['another name', instead(member({ name: 'tree/pkg/c.py', body }))],
    ['an escaping name', instead(member({ name: '../escape', body }))],
    ['a PAX path that escapes', instead(pax({ path: '../escape' }), a)],
    ['a PAX path that is right', instead(pax({ path: name }), a)],
    ['a PAX size desync', instead(pax({ size: 512 }), a)],
    ['a PAX size of a lie', instead(pax({ size: 6 }), member({ name, body, size: 0 }))],
    ['a malformed PAX record', instead(pax('99999 path=x\n'), a)],
    ['a PAX link', instead(pax({ linkpath: '/etc/passwd' }), a)],
    ['a global PAX header', instead(pax({ path: 'x' }, 'g'), a)],
    ['a GNU long name', instead(member({ name: '././@LongLink', type: 'L', body: '../escape\0' }), a)],
    ['a GNU long link', instead(member({ name: '././@LongLink', type: 'K', body: '/etc\0' }), a)],
    ['a prefix', instead(member({ name: 'pkg/a.py', prefix: 'tree', body }))],
    ['a bad checksum', instead(member({ name, body, checksum: 1 }))],
    ['setuid', instead(member({ name, body, mode: 0o4755 }))],
    ['setgid', instead(member({ name, body, mode: 0o2755 }))],
    ['sticky', instead(member({ name, body, mode: 0o1644 }))],
    ['another mode', instead(member({ name, body, mode: 0o755 }))],
    ['world-writable', instead(member({ name, body, mode: 0o666 }))],
    ['another mtime', instead(member({ name, body, mtime: 1 }))],
    ['another owner', instead(member({ name, body, uid: 1000 }))],
    ['another size', instead(member({ name, body: `${body}more` }))],
    ['a size beyond the end', instead(member({ name, body, size: 2 ** 33 - 1 }))],
    ['a negative size', instead(member({ name, body, size: Buffer.from('-0000000006\0') }))],
    ['a negative base-256 size', instead(member({ name, body, size: base256(0xff, 0xfa) }))],
    ['a base-256 size', instead(member({ name, body, size: base256(0x80, 6) }))],
    ['padding that is not zero', instead(Buffer.concat([a.subarray(0, -1), Buffer.from('x')]))],
    ['a file missing', Buffer.concat([list, b, end])],
    ['the last file missing', Buffer.concat([list, a, end])],
    ['a file twice', instead(a, a)],
    ['a file more', Buffer.concat([list, a, b, member({ name: 'tree/pkg/c.py' }), end])],
    ['a file behind the end', Buffer.concat([list, a, b, end, b, end])],
    ['another order', Buffer.concat([list, b, a, end])],
    ['the list twice', Buffer.concat([list, list, a, b, end])],
    ['no list', Buffer.concat([a, b, end])],
    ['the list of another name', Buffer.concat([member({ name: 'tree/files.json', body: serialiseFiles(files) }), a, b, end])],
    ['a list as a link', Buffer.concat([member({ name: 'files.json', type: '2', linkname: '/etc/passwd' }), a, b, end])],
    ['a list without end', Buffer.concat([member({ name: 'files.json', size: 2 ** 33 - 1 }), a, b, end])],
    ['a list of negative size', Buffer.concat([member({ name: 'files.json', size: base256(0xff, 0xfa) }), a, b, end])],
    ['a list of impossible size', Buffer.concat([member({ name: 'files.json', size: Buffer.alloc(12, 0x91) }), a, b, end])],
    ['another list', Buffer.concat([member({ name: 'files.json', body: serialiseFiles([files[0]!]) }), a, end])],
    ['concatenated', Buffer.concat([list, a, b, end, list, a, b, end])],
    ['trailing zeros', Buffer.concat([list, a, b, end, end])],
    ['a trailing byte', Buffer.concat([list, a, b, end, Buffer.from('x')])],
    ['one zero block', Buffer.concat([list, a, b, end.subarray(512)])],
    ['no end', Buffer.concat([list, a, b])],
    ['nothing', Buffer.alloc(0)],
    ['zeros', Buffer.alloc(10_240)],
    ['a login page', Buffer.from('<!doctype html>'.repeat(200))],
    ['gzip', Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0]), list, a, b, end])],
  ];
  test.each(archives)('%s', (_, archive) => expectRefused(archive, files));

  test('another count or size than the entry says', async () => {
    const honest = Buffer.concat([list, a, b, end]);
    const expected = expectedOf(files);
    await expectRefused(honest, files, { ...expected, count: 1 });
    await expectRefused(honest, files, { ...expected, size: expected.size - 1 });
    await expectRefused(honest, files, { ...expected, filesHash: hex('') });
  });

  test.each(Object.entries(WAYS))('a file whose bytes are not those of the list, %s', (_, unpack) => {
    const archive = instead(member({ name, body: 'a = 2\n' }));
    const out = join(tempDir(), 'out');
    const action = (): unknown => unpack({ bytes: archive }, out, expectedOf(files));
    expect(action).toThrow(expect.objectContaining({ code: 'ARCHIVE_INVALID' }));
    expect(existsSync(out)).toBe(false);
  });
});

test.each(Object.entries(WAYS).slice(0, 2))('no byte of an archive can change, be lost or be added (%s)', (_, unpack) => {
  const entry = packed([A, { path: 'pkg/grüße', text: 'hi', mtime: 7 }]);
  const out = join(tempDir(), 'out');
  const outcome = (bytes: Buffer): unknown => {
    try {
      return unpack({ bytes }, out, entry.expected);
    } catch (error) {
      return (error as PkgCacheError).code;
    }
  };
  const outcomes = new Set<unknown>();
  for (let at = 0; at < entry.bytes.length; at += 3) {
    const bytes = Buffer.from(entry.bytes);
    bytes[at]! ^= 1 << at % 8;
    outcomes.add(outcome(bytes));
    outcomes.add(outcome(entry.bytes.subarray(0, at)));
  }
  outcomes.add(outcome(Buffer.concat([entry.bytes, Buffer.alloc(1)])));
  expect(outcomes).toEqual(new Set(['ARCHIVE_INVALID']));
  expect(existsSync(out)).toBe(false);
});
