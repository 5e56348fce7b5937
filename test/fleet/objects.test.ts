import { describe, expect, it } from 'vitest';
import type { Entry } from '../../src/cache/entry.ts';
import { archiveKey, decodePointer, encodePointer, pointerKey } from '../../src/fleet/objects.ts';
import { sha256 } from '../../src/hash.ts';
import { KEY, PIP_META, codeOf } from '../cache/support.ts';

const ENTRY: Entry = { layout: 1, key: KEY, version: '1.0', archive: { filename: 'ash-1.0.whl', sha256: 'a'.repeat(64) }, size: 5, count: 1, files: 'b'.repeat(64), meta: PIP_META };
const POINTER = { entry: ENTRY, archive: { sha256: 'c'.repeat(64), size: 7 } };

/** A pointer whose own hash is right, whatever it says. */
const signed = (value: unknown): Buffer => {
  const json = JSON.stringify(value);
  return Buffer.from(`${sha256(json)}\n${json}\n`);
};

describe('the layout of a store is what it always was', () => {
  it('keys', () => {
    expect(pointerKey(KEY)).toBe('v1/pip/cpython-312/pypi/ash/1');
    expect(pointerKey({ ...KEY, version: '1!2.0+local.1' })).toBe('v1/pip/cpython-312/pypi/ash/1~2.0+local.1');
    expect(archiveKey('ab'.repeat(32))).toBe(`v1/archives/ab/${'ab'.repeat(32)}.tar`);
  });

  it('bytes of a pointer', () => {
    const json =
      '{"entry":{"layout":1,"key":{"ecosystem":"pip","name":"ash","version":"1","platform":"cpython-312","origin":"pypi"},"version":"1.0",' +
      `"archive":{"filename":"ash-1.0.whl","sha256":"${'a'.repeat(64)}"},"size":5,"count":1,"files":"${'b'.repeat(64)}","meta":{"name":"ash","version":"1","requiresDist":[],"distInfo":"ash-1.dist-info","lib":"purelib","consoleScripts":[],"guiScripts":[],"pythonScripts":[],"outside":[],"built":false}},` +
      `"archive":{"sha256":"${'c'.repeat(64)}","size":7}}`;
    expect(encodePointer(POINTER).toString()).toBe(`${sha256(json)}\n${json}\n`);
  });
});

it('a pointer is read as it was written', () => {
  expect(decodePointer(encodePointer(POINTER), KEY)).toEqual(POINTER);
});

it.each([
  ['empty', Buffer.alloc(0)],
  ['cut off', encodePointer(POINTER).subarray(0, -1)],
  ['longer', Buffer.concat([encodePointer(POINTER), Buffer.from('\n')])],
  ['changed', Buffer.from(encodePointer(POINTER).toString().replace('"size":7', '"size":8'))],
  ['a login page', Buffer.from('<!DOCTYPE html><html>\n</html>\n')],
  ['no JSON', Buffer.from(`${sha256('{')}\n{\n`)],
  ['null', signed(null)],
  ['of another entry', signed({ ...POINTER, entry: { ...ENTRY, key: { ...KEY, name: 'birch' } } })],
  ['of another layout', signed({ ...POINTER, entry: { ...ENTRY, layout: 2 } })],
  ['without a key', signed({ ...POINTER, entry: { ...ENTRY, key: undefined } })],
  ['without an archive', signed({ entry: ENTRY })],
  ['to an archive of no hash', signed({ ...POINTER, archive: { sha256: '../../x', size: 1 } })],
  ['to an archive of no size', signed({ ...POINTER, archive: { sha256: 'c'.repeat(64), size: '1' } })],
  ['to an archive of negative size', signed({ ...POINTER, archive: { sha256: 'c'.repeat(64), size: -1 } })],
])('a pointer that is %s is refused', (_what, bytes) => {
  expect(codeOf(() => decodePointer(bytes, KEY))).toBe('ARCHIVE_INVALID');
});
