import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { LocalCache } from '../../../src/cache/local.ts';
import { toolchain } from '../../../src/npm/built/toolchain.ts';
import { directory } from '../recognise/support.ts';

it('what there is to compile with is told apart by what is on PATH, and the same without asking again', () => {
  const root = directory({ 'bin/': '', 'cache/': '' });
  const cache = new LocalCache(join(root, 'cache'));
  const of = (...path: string[]): string => toolchain(cache, { PATH: path.map((each) => join(root, each)).join(':') });
  const none = of('bin');
  // A program, and not a script, which would not be asked.
  copyFileSync('/bin/cat', join(root, 'bin/cmake'));
  chmodSync(join(root, 'bin/cmake'), 0o755);
  const some = of('bin');
  expect(some).not.toBe(none);
  expect(of('bin')).toBe(some);
  expect(of('missing', 'bin')).toBe(some);
  writeFileSync(join(root, 'bin/notes'), '');
  mkdirSync(join(root, 'bin/make.d'));
  expect(of('bin')).toBe(some);
  writeFileSync(join(root, 'bin/python3'), '#!/bin/sh\n', { mode: 0o755 });
  expect(of('bin')).not.toBe(some);
  writeFileSync(join(root, 'cache/v1/state/toolchain.json'), '["odd"]');
  expect(of('missing')).toBe(none);
});
