import { describe, expect, it } from 'vitest';
import { NotClosed, type Closure } from '../../src/pip/closure.ts';
import { allowsArchive, assertHashed } from '../../src/pip/hash-mode.ts';
import { readRequirement } from '../../src/pip/recognise/requirement-line.ts';

const DIGEST = 'ab'.repeat(32);

function requirement(text: string, digest = DIGEST) {
  return readRequirement(text, { comesFrom: '-r r.txt (line 1)', hashes: [`sha256:${digest}`] });
}

function closureOf(text: string): Closure {
  return { wanted: new Map([['six', { requirement: requirement(text), displayName: 'six' }]]) } as unknown as Closure;
}

describe('a requirement in hash mode', () => {
  it.each(['six', 'six==1.16.0,>1', 'six>=1.16.0,<=1.16.0'])('%s is not pinned before 26.3', (text) => {
    for (const pip of ['23.0', '25.3', '26.2']) expect(() => assertHashed(closureOf(text), pip)).toThrow(NotClosed);
    expect(() => assertHashed(closureOf(text), '26.3')).not.toThrow();
  });

  it.each(['six==1.16.0', 'six==1.16.0,==1.16'])('%s is pinned', (text) => {
    for (const pip of ['23.0', '26.3']) expect(() => assertHashed(closureOf(text), pip)).not.toThrow();
  });
});

describe('a digest in upper case', () => {
  it('is the same since 24.2', () => {
    const upper = requirement('six==1', DIGEST.toUpperCase());
    expect(['23.0', '24.1', '24.2', '26.3'].map((pip) => allowsArchive(upper, DIGEST, pip))).toEqual([false, false, true, true]);
    expect(allowsArchive(requirement('six==1'), DIGEST, '23.0')).toBe(true);
  });
});
