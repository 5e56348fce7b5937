import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSettings, type Env, type Settings } from '../src/config.ts';
import { codeOf, tempDir } from './cache/support.ts';

const NOTHING: Settings = { cacheDir: undefined, store: undefined, linkMode: 'private', readyCopies: true };

/** The settings that come of an environment and a config file. */
function settings(env: Env, config?: string): Settings {
  const file = join(tempDir(), 'config');
  if (config !== undefined) writeFileSync(file, config);
  return readSettings(env, file);
}

it.each([
  ['nothing', {}, undefined, {}],
  ['an empty file', {}, '', {}],
  ['a file', {}, 'cache_dir = /c\nstore = s3://b/p\nlink_mode = hardlink\nready_copies = off\n', { cacheDir: '/c', store: 's3://b/p', linkMode: 'hardlink', readyCopies: false }],
  ['an environment', { PKG_CACHE_DIR: '/c', PKG_CACHE_STORE: '/s', PKG_CACHE_LINK_MODE: 'hardlink', PKG_CACHE_READY_COPIES: 'off' }, undefined, { cacheDir: '/c', store: '/s', linkMode: 'hardlink', readyCopies: false }],
  ['both: the environment wins', { PKG_CACHE_DIR: '/e' }, 'cache_dir = /c\nstore = /s\n', { cacheDir: '/e', store: '/s' }],
  ['empty variables, which count as not set', { PKG_CACHE_DIR: '', PKG_CACHE_STORE: '' }, 'cache_dir = /c\n', { cacheDir: '/c' }],
  ['empty values', {}, 'cache_dir =\nstore=  \n', {}],
  ['comments, spaces and CRLF', {}, '# c\r\n\r\n  cache_dir=/c d \r\n', { cacheDir: '/c d' }],
  ['an equals sign in a value', {}, 'cache_dir = /a=b\n', { cacheDir: '/a=b' }],
  ['a path with dots', { PKG_CACHE_DIR: '/a/../b/./c/' }, undefined, { cacheDir: '/b/c' }],
  ['a file URL', { PKG_CACHE_STORE: 'file:///s' }, undefined, { store: 'file:///s' }],
] as [string, Env, string | undefined, Partial<Settings>][])('%s', (_what, env, config, expected) => {
  expect(settings(env, config)).toEqual({ ...NOTHING, ...expected });
});

describe('a mistake is named', () => {
  it.each([
    [{ PKG_CACHE_DIR: 'relative' }, undefined, /^PKG_CACHE_DIR: relative is not an absolute path$/],
    [{}, 'cache_dir = ~/x\n', /config, line 1: ~\/x is not an absolute path$/],
    [{ PKG_CACHE_STORE: 'bucket/prefix' }, undefined, /^PKG_CACHE_STORE: /],
    [{ PKG_CACHE_STORE: 's3://' }, undefined, /^PKG_CACHE_STORE: /],
    [{ PKG_CACHE_STORE: 'https://user:secret@h/x' }, undefined, /^(?!.*secret)PKG_CACHE_STORE: /],
    [{ PKG_CACHE_LINK_MODE: 'toString' }, undefined, /^PKG_CACHE_LINK_MODE: toString is none of private, hardlink$/],
    [{ PKG_CACHE_READY_COPIES: 'yes' }, undefined, /^PKG_CACHE_READY_COPIES: yes is none of on, off$/],
    [{}, '\n\nno_such = 1\n', /config, line 3: unknown setting$/],
    [{}, 'cache_dir\n', /config, line 1: unknown setting$/],
    [{}, '= /x\n', /config, line 1: unknown setting$/],
  ] as [Env, string | undefined, RegExp][])('%j %j', (env, config, message) => {
    expect(codeOf(() => settings(env, config))).toBe('CONFIG');
    expect(() => settings(env, config)).toThrow(message);
  });
});
