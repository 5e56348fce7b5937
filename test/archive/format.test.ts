import { Header } from 'tar/header';
import { describe, expect, test } from 'vitest';
import { BLOCK, fileHeader, MAX_OCTAL } from '../../src/archive/format.ts';
import { packed } from './entries.ts';

/** One entry with all that the format can hold: PAX and plain names, both modes, with and without mtime, an empty file. */
const ENTRY = [
  { path: 'demo/__init__.py', text: '' },
  { path: 'demo/core.py', text: 'print("hello")\n', mtime: 1_700_000_000 },
  { path: 'demo/tool', text: '#!/bin/sh\n', executable: true },
  { path: 'demo/grüße.txt', text: 'hi' },
  { path: `demo/${'directory/'.repeat(12)}ustar-prefix.py`, text: 'x = 1\n' },
  { path: `demo/${'n'.repeat(255)}`, text: 'long\n' },
  { path: 'demo-1.0.dist-info/RECORD', text: 'x'.repeat(600) },
];

test('layout 1 is these bytes: if this fails, archives of old and new versions no longer fit, and LAYOUT has to change', () => {
  const { result } = packed(ENTRY);
  expect(result).toEqual({ sha256: 'cd06076656a9ec68f776c072d4bc1320f3a221e9c736fc417ffa5700691edd3e', size: 12288 });
});

describe('headers are those of node-tar', () => {
  const names = ['a', 'a b/c~.py', 'n'.repeat(93), 'n'.repeat(94), 'n'.repeat(95), 'ü'];
  const numbers = [0, 7, 0o7777777777, 0o10000000000, MAX_OCTAL];
  test.each(names)('%s', (path) => {
    for (const size of numbers) {
      for (const mtime of numbers) {
        for (const executable of [false, true]) {
          const ours = fileHeader({ path, size, executable, mtime }).subarray(-BLOCK);
          expect(ours.equals(ofNodeTar(path, size, executable, mtime))).toBe(true);
        }
      }
    }
  });

  test('a size of 8 GiB or more has a PAX record', () => {
    const header = fileHeader({ path: 'big', size: MAX_OCTAL + 1, executable: false });
    expect(header.length).toBe(3 * BLOCK);
    expect(header.subarray(BLOCK, 2 * BLOCK).toString()).toContain(' size=8589934592\n');
  });
});

function ofNodeTar(path: string, size: number, executable: boolean, mtime: number): Buffer {
  const header = new Header({ path: `tree/${path}`, mode: executable ? 0o755 : 0o644, uid: 0, gid: 0, size, mtime: new Date(mtime * 1000), type: 'File' });
  header.encode();
  return header.block!;
}
