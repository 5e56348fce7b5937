import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { integrityOf, integrityProblem, sha512In, verifyIntegrity } from '../../src/npm/integrity.ts';

const BYTES = Buffer.from('a tarball');
const hash = (algorithm: string, bytes = BYTES): string => `${algorithm}-${createHash(algorithm).update(bytes).digest('base64')}`;
const OTHER = hash('sha512', Buffer.from('another'));

test('the integrity of bytes is one SHA-512', () => {
  expect(integrityOf(BYTES)).toBe(hash('sha512'));
});

test.each([
  ['a SHA-512', hash('sha512')],
  ['white space around it', `\n ${hash('sha512')}\t`],
  ['options', `${hash('sha512')}?a?b`],
  ['one of several', `${OTHER} ${hash('sha512')}`],
  ['a weaker one beside it, even if that is wrong', `${hash('sha1', Buffer.from('another'))}\n${hash('sha512')} sha256-x`],
])('fulfilled: %s', (_, integrity) => {
  expect(verifyIntegrity(BYTES, integrity)).toBe(true);
});

test.each([
  ['another SHA-512', OTHER, /another/],
  ['another SHA-512, although a weaker hash fits', `${hash('sha1')} ${OTHER}`, /another/],
  ['only SHA-1', hash('sha1'), /no SHA-512/],
  ['only SHA-256', hash('sha256'), /no SHA-512/],
  ['nothing', '', /no SHA-512/],
  ['the name in capitals, which ssri does not know', hash('sha512').replace('sha512', 'SHA512'), /no SHA-512/],
  ['another base64', hash('sha512').replace(/=+$/, ''), /another/],
  ['an empty digest', 'sha512-', /no SHA-512/],
])('not fulfilled: %s', (_, integrity, problem) => {
  expect(verifyIntegrity(BYTES, integrity)).toBe(false);
  expect(integrityProblem(BYTES, integrity)).toMatch(problem);
});

test('the hashes in a string', () => {
  expect(sha512In(`${hash('sha1')} ${OTHER}?x ${hash('sha512')}`)).toEqual([OTHER, hash('sha512')]);
});
