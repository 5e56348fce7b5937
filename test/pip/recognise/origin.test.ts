import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { originFingerprint } from '../../../src/pip/recognise/origin.ts';
import { context, directory, requestOf } from './support.ts';

const root = (): string => directory({ 'wheels/six-1.0-py3-none-any.whl': 'abc' });
const originOf = (options: string, at: string = root()): ReturnType<typeof originFingerprint> => originFingerprint(requestOf(`install ${options} six`, context(at)));

describe('the origin', () => {
  it('of no options at all is fixed, since keys depend on it', () => {
    expect(originOf('')).toEqual({ id: 'c3fc673013b5b580', credentialed: false, describe: 'index=default' });
  });

  it.each([
    ['', '--no-deps --no-cache-dir --trusted-host h -v'],
    ['', '-f empty -f missing'],
    ['-i https://a/simple', '-i HTTPS://A:443/simple/'],
    ['-i https://a/simple', '-i https://user:secret@a/simple'],
    ['--no-binary a,b', '--no-binary b --no-binary A'],
    ['--only-binary a --only-binary :none:', ''],
    ['-f wheels', '--find-links ./wheels/'],
  ])('%j is that of %j', (a, b) => {
    const at = root();
    mkdirSync(join(at, 'empty'));
    expect(originOf(a, at).id).toBe(originOf(b, at).id);
  });

  it.each([
    '-i https://a', '-i https://a/b', '-i http://a', '-i https://a:8443', '--extra-index-url https://a', '--no-index', '-f https://a', '-f wheels', '--no-binary a', '--only-binary a',
    '--prefer-binary', '--pre', '--all-releases a', '--only-final a', '--uploaded-prior-to P1D', '--ignore-requires-python', '-t x --no-deps --platform p', '-t x --no-deps --abi p',
    '-t x --no-deps --python-version 3.8', '-t x --no-deps --implementation pp', '--extra-index-url https://a --extra-index-url https://b', '--extra-index-url https://b --extra-index-url https://a',
  ])('%s is an origin of its own', (options) => {
    expect(originOf(options).id).not.toBe(originOf('').id);
    expect(originOf(options).credentialed).toBe(false);
  });

  it.each(['-i https://token@a/s', '-i https://u:secret@a/s', '--extra-index-url https://u:secret@a', '-f https://u:secret@a/x', '-i https://a/s?token=secret', '-f https://a/#secret'])(
    '%s carries a credential, and does not show it',
    (options) => {
      const origin = originOf(options);
      expect(origin.credentialed).toBe(true);
      expect(origin.describe).not.toMatch(/secret|token/);
    },
  );

  it('changes with what lies in a local directory', () => {
    const at = root();
    const before = originOf('-f wheels', at).id;
    writeFileSync(join(at, 'wheels/attrs-1.tar.gz'), 'x');
    expect(originOf('-f wheels', at).id).not.toBe(before);
  });
});
