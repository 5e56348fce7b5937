import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { fittingSha512, sha512In } from '../../src/npm/integrity.ts';

const BYTES = Buffer.from('a tarball');
const hash = (algorithm: string, bytes = BYTES): string => `${algorithm}-${createHash(algorithm).update(bytes).digest('base64')}`;
const OTHER = hash('sha512', Buffer.from('another'));

test.each([
  ['a SHA-512', hash('sha512')],
  ['white space around it', `\n ${hash('sha512')}\t`],
  ['options', `${hash('sha512')}?a?b`],
  ['one of several', `${OTHER} ${hash('sha512')}`],
  ['a weaker one beside it, even if that is wrong', `${hash('sha1', Buffer.from('another'))}\n${hash('sha512')} sha256-x`],
])('fulfilled: %s', (_, integrity) => {
  expect(fittingSha512(BYTES, integrity)).toBe(createHash('sha512').update(BYTES).digest('hex'));
});

test.each([
  ['another SHA-512', OTHER],
  ['another SHA-512, although a weaker hash fits', `${hash('sha1')} ${OTHER}`],
  ['only SHA-1', hash('sha1')],
  ['only SHA-256', hash('sha256')],
  ['nothing', ''],
  ['the name in capitals, which ssri does not know', hash('sha512').replace('sha512', 'SHA512')],
  ['another base64', hash('sha512').replace(/=+$/, '')],
  ['an empty digest', 'sha512-'],
])('not fulfilled: %s', (_, integrity) => {
  expect(fittingSha512(BYTES, integrity)).toBeUndefined();
});

test('the hashes in a string', () => {
  expect(sha512In(`${hash('sha1')} ${OTHER}?x ${hash('sha512')}`)).toEqual([OTHER, hash('sha512')]);
});
