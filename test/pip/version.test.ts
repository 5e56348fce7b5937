import { describe, expect, it, test } from 'vitest';
import { canonicalVersion, compareVersions, normalVersion, satisfies } from '../../src/pip/version.ts';
import { askPip } from './recognise/support.ts';

const VERSIONS = [
  '1', '1.0', '1.0.0', '0', '0.0', '01.02', 'v1.0', ' 1.0 ', '1.0a1', '1.0-alpha.1', '1.0_BETA', '1.0c2', '1.0pre', '1.0preview3', '1.0rc1',
  '1.0-1', '1.0.post1', '1.0r4', '1.0rev', '1.0.post', '1.0.dev1', '1.0a1.dev2', '1.0a1.post2.dev3', '1.0.post1.dev2', '1.0dev', '1!0.5', '1!1.0',
  '1.0+local', '1.0+LOCAL-1.2', '1.0+local.10', '1.0+local.9', '1.0+10', '1.0+abc', '2!1.0.dev1+x_1', '2024.1.15', '20240115123456789012.1',
  '1.10', '1.9', '1.0.0.0.1', '1.0.1', '2.0', '3.13.0a2', '3.1.dev0', '3.0.dev0', '3.1.post0', '3.1', '2.2.post3', '2.3', '1.7.0.post2',
];
const SPECIFIERS = [
  '==1.0', '==1', '==1.*', '==1.0.*', '!=1.0', '!=1.0.*', '===1.0', '===1.0.0', '>=1.0', '<=1.0', '>1.0', '<1.0', '>1.0.post1', '>=1.0a1',
  '<1.0rc1', '~=1.0', '~=1.0.1', '~=2.2.post3', '~=1!0.5', '==1.0+local', '==1.0+abc', '!=1.0+local', '<3.1', '>3.1', '<3.1.dev1', '>=1,<2,!=1.10',
  '==1!0.5', '>=1!0', '<1!0', '>1!0.5', '', '>1.7', '>1.7.0.post1', '==20240115123456789012.1', '<20240115123456789012.2', '== 1.0 , < 2', '===1.0+LOCAL.1.2', '<1.1.post1', '==1!1.*',
];

describe('versions', () => {
  it('compare, whatever their spelling', () => {
    expect(canonicalVersion('1.0.0')).toBe(canonicalVersion('v1'));
    expect(canonicalVersion('1.0.0')).not.toBe(canonicalVersion('1.0.1'));
    expect(satisfies('1.0+cpu', '==1.0')).toBe(true);
    expect(satisfies('1.0+cpu', '==1.0+cuda')).toBe(false);
  });

  it('admit pre-releases only where asked for', () => {
    expect(satisfies('1.0a1', '>=0.5')).toBe(false);
    expect(satisfies('1.0a1', '>=1.0a0')).toBe(true);
    expect(satisfies('1.0a1', '>=0.5', { prereleases: true })).toBe(true);
  });

  it.each(['1.0.x', '', 'latest', '1.0+', '1..0', '1.0-beta-x'])('are not %j', (text) => {
    expect(normalVersion(text)).toBeUndefined();
    expect(canonicalVersion(text)).toBeUndefined();
  });

  it.each(['>=1.0.*', '~=1', '>1.0+local', '=1', '==1.0.*.*', 'x', '===', '>=1 <2'])('%j is no set of specifiers', (text) => {
    expect(() => satisfies('1.0', text)).toThrow(expect.objectContaining({ code: 'UNRECOGNISED' }));
  });
});

describe('as the real packaging', () => {
  test('normal forms', () => {
    const ours = VERSIONS.map((v) => [normalVersion(v), canonicalVersion(v)]);
    expect(ours).toEqual(askPip('version', VERSIONS.map((v) => v.trim())));
  });

  test('order', () => {
    const pairs = VERSIONS.flatMap((a) => VERSIONS.map((b) => [a, b] as const));
    expect(pairs.map(([a, b]) => Math.sign(compareVersions(a, b)))).toEqual(askPip('order', pairs));
  });

  test('specifiers', () => {
    const pairs = VERSIONS.flatMap((v) => SPECIFIERS.map((s) => [v, s] as const));
    const answers = askPip<boolean>('satisfies', pairs);
    const different = pairs.filter(([v, s], i) => answers[i] !== undefined && satisfies(v, s, { prereleases: true }) !== answers[i]);
    expect(different).toEqual([]);
    expect(answers.filter((a) => a !== undefined).length).toBeGreaterThan(pairs.length / 2);
  });
});
