import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { evidenceOf, valuesOf, type Evidence } from '../../../src/npm/built/evidence.ts';
import { directory } from '../recognise/support.ts';

function of(scripts: Readonly<Record<string, string>>, files: Readonly<Record<string, string>> = {}): Evidence {
  const all = { 'package.json': JSON.stringify({ scripts }), ...files };
  const root = directory(all);
  const list = Object.keys(all).map((path) => [path, { path, size: readFileSync(join(root, path)).length, sha256: '', executable: false }] as const);
  return evidenceOf({ directory: root, files: new Map(list) });
}

describe('install scripts that only build, or find what is built', () => {
  it.each(['node-gyp rebuild', 'node-gyp-build', 'node-gyp-build || node-gyp rebuild', 'prebuild-install --runtime napi || node-gyp rebuild --release', 'node-pre-gyp install --fallback-to-build', 'napi-postinstall unrs-resolver 1.7.2 check', 'cmake-js compile'])('%s', (install) => {
    expect(of({ install }).buildsOnly).toBe(true);
  });

  it.each(['node-gyp rebuild && node hooks.js', 'node install.js', 'node-gyp rebuild; curl x', 'husky install', 'node-gyp rebuild > ~/log', 'prebuild-install || node-gyp rebuild | sh'])('not %s', (install) => {
    expect(of({ install }).buildsOnly).toBe(false);
    expect(of({ install: 'node-gyp rebuild', postinstall: install }).buildsOnly).toBe(false);
  });

  it('and a binding.gyp without scripts', () => {
    expect(of({}, { 'binding.gyp': '{}' }).buildsOnly).toBe(true);
  });
});

it('the variables that scripts read are found in commands, in the files that these name, and in those that they require', () => {
  const files = {
    'install.js': "require('./lib/one'); if (process.env.FIRST) { const { SECOND, third = 1, PATH } = process.env; }",
    'lib/one.js': "import two from './two.mjs'; env['FOURTH'] ?? process.env?.FIFTH",
    'lib/two.mjs': 'process.env.SIXTH; process.env.NPM_TOKEN; process.env.npm_package_version',
    'index.js': 'process.env.NOT_READ_WHEN_INSTALLED',
    'other.sh': 'echo $SEVENTH',
  };
  expect(of({ install: 'node install && sh ./other.sh ${EIGHTH}', test: 'node index.js' }, files).variables).toEqual(['EIGHTH', 'FIFTH', 'FIRST', 'FOURTH', 'SECOND', 'SEVENTH', 'SIXTH', 'third']);
  expect(of({ postinstall: 'node a.js' }, { 'a.js': "if (require('is-ci')) process.exit()" }).variables).toEqual(['CI']);
});

it.each(["process.env.INIT_CWD", "join(root, '.git', 'hooks')", "exec('git rev-parse --show-toplevel')", "`${top}/.git/hooks`", 'process.env.npm_config_local_prefix'])('%s looks around', (text) => {
  expect(of({ postinstall: 'node a.js' }, { 'a.js': text })).toMatchObject({ looksAround: true });
});

it.each(["'https://example.org/a.git'", '".gitignore"', "'git://x/y'"])('%s does not', (text) => {
  expect(of({ postinstall: 'node a.js' }, { 'a.js': text })).toMatchObject({ looksAround: false });
});

it('values are told apart, but not told', () => {
  const [[, one], [, other], [, unset]] = [valuesOf(['A'], { A: 'secret' })[0]!, valuesOf(['A'], { A: '' })[0]!, valuesOf(['A'], {})[0]!];
  expect(new Set([one, other, unset]).size).toBe(3);
  expect(unset).toBe('');
  expect(one).not.toContain('secret');
});
