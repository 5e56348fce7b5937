import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configFiles, inspectSettings, readSettings, type ConfigFile, type Env, type Settings } from '../src/config.ts';
import { codeOf, tempDir } from './cache/support.ts';

const NOTHING: Settings = {
  cacheDir: undefined,
  store: undefined,
  linkMode: 'private',
  readyCopies: true, synchronous: false,
  cachable: [],
  blocked: [],
  readOnly: false,
  offline: false,
  waitLimit: 120,
  maxDays: 30,
  maxSize: 0,
  cleanLimit: 0.5,
  minFree: 1e9,
  maxUsed: 95,
  logDays: 7,
  syncInterval: 10,
  syncDays: 7,
  syncBandwidth: 0,
  snapshotInterval: 24,
  snapshotSize: 5e9,
  fleetGroup: undefined,
  s3AddressingStyle: undefined,
  s3UseAccelerateEndpoint: undefined,
  s3Sse: undefined,
  s3SseKmsKeyId: undefined,
  s3RequestPayer: undefined,
  recordUse: false,
  allRecordUse: false,
  storeDays: 0,
};

/** The settings that come of an environment and a config file. */
function settings(env: Env, config?: string): Settings {
  const file = join(tempDir(), 'config');
  if (config !== undefined) writeFileSync(file, config);
  return readSettings(env, [{ level: 'user', path: file }]);
}

/** Config files with these texts, the strongest first. */
function files(...texts: string[]): ConfigFile[] {
  const levels = ['user', 'installation', 'system'] as const;
  return texts.map((text, index) => {
    const path = join(tempDir(), 'config');
    writeFileSync(path, text);
    return { level: levels[index] ?? 'system', path };
  });
}

it.each([
  ['nothing', {}, undefined, {}],
  ['an empty file', {}, '', {}],
  ['a file', {}, 'cache_dir = /c\nstore = s3://bucket/p\nlink_mode = hardlink\nready_copies = off\n', { cacheDir: '/c', store: 's3://bucket/p', linkMode: 'hardlink', readyCopies: false }],
  ['an environment', { PKG_CACHE_DIR: '/c', PKG_CACHE_STORE: '/s', PKG_CACHE_LINK_MODE: 'hardlink', PKG_CACHE_READY_COPIES: 'off' }, undefined, { cacheDir: '/c', store: '/s', linkMode: 'hardlink', readyCopies: false }],
  ['both: the environment wins', { PKG_CACHE_DIR: '/e' }, 'cache_dir = /c\nstore = /s\n', { cacheDir: '/e', store: '/s' }],
  ['empty variables, which count as not set', { PKG_CACHE_DIR: '', PKG_CACHE_STORE: '' }, 'cache_dir = /c\n', { cacheDir: '/c' }],
  ['empty values', {}, 'cache_dir =\nstore=  \n', {}],
  ['comments, spaces and CRLF', {}, '# c\r\n\r\n  cache_dir=/c d \r\n', { cacheDir: '/c d' }],
  ['an equals sign in a value', {}, 'cache_dir = /a=b\n', { cacheDir: '/a=b' }],
  ['a path with dots', { PKG_CACHE_DIR: '/a/../b/./c/' }, undefined, { cacheDir: '/b/c' }],
  ['sizes', { PKG_CACHE_MAX_SIZE: '1.5G', PKG_CACHE_MIN_FREE: '2Ki' }, undefined, { maxSize: 1.5e9, minFree: 2048 }],
  ['sizes in other spellings', { PKG_CACHE_MAX_SIZE: '10 kB', PKG_CACHE_MIN_FREE: '7' }, undefined, { maxSize: 10_000, minFree: 7 }],
  ['numbers', { PKG_CACHE_CLEAN_LIMIT: '-1', PKG_CACHE_MAX_DAYS: '0.5', PKG_CACHE_MAX_USED: '80%' }, undefined, { cleanLimit: -1, maxDays: 0.5, maxUsed: 80 }],
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
    [{ PKG_CACHE_STORE: 's3://key:secret@bucket/x' }, undefined, /^(?!.*secret)PKG_CACHE_STORE: .*credentials do not belong there/],
    [{ PKG_CACHE_STORE: 's3://bucket/a b' }, undefined, /^PKG_CACHE_STORE: /],
    [{ PKG_CACHE_STORE: 'https://user:secret@h/x' }, undefined, /^(?!.*secret)PKG_CACHE_STORE: /],
    [{ PKG_CACHE_LINK_MODE: 'toString' }, undefined, /^PKG_CACHE_LINK_MODE: toString is none of private, hardlink$/],
    [{ PKG_CACHE_READY_COPIES: 'yes' }, undefined, /^PKG_CACHE_READY_COPIES: yes is none of on, off$/],
    [{ PKG_CACHE_MAX_SIZE: '10 apples' }, undefined, /^PKG_CACHE_MAX_SIZE: 10 apples is not a size such as 500M or 10G$/],
    [{ PKG_CACHE_MAX_DAYS: '-1' }, undefined, /^PKG_CACHE_MAX_DAYS: -1 is not a number of days$/],
    [{ PKG_CACHE_CLEAN_LIMIT: '-2' }, undefined, /^PKG_CACHE_CLEAN_LIMIT: -2 is not a number of seconds \(-1 or more\)$/],
    [{ PKG_CACHE_MAX_USED: '101' }, undefined, /^PKG_CACHE_MAX_USED: 101 is not a percentage$/],
    [{}, '\n\nno_such = 1\n', /config, line 3: there is no setting no_such$/],
    [{}, 'cache_dir\n', /config, line 1: not a `key = value`$/],
    [{}, '= /x\n', /config, line 1: not a `key = value`$/],
    [{}, 'https://user:secret@host/?a=b\n', /config, line 1: not a `key = value`$/],
    [{}, 'blocked = good, ba!d\n', /config, line 1: ba!d is neither a name, name==version, a pattern with \* nor an http\(s\) URL$/],
    [{}, 'blocked = good https://user:secret@\n', /config, line 1: one of the rules is neither /],
  ] as [Env, string | undefined, RegExp][])('%j %j', (env, config, message) => {
    expect(codeOf(() => settings(env, config))).toBe('CONFIG');
    expect(() => settings(env, config)).toThrow(message);
  });
});

describe('several places', () => {
  it('are asked in their order', () => {
    const [user, installation, system] = ['store = /u', 'store = /i\nlink_mode = hardlink', 'store = /s\nready_copies = off\ncache_dir = /s'] as const;
    const env = { PKG_CACHE_DIR: '/e' };
    expect(readSettings(env, files(user, installation, system))).toEqual({ ...NOTHING, cacheDir: '/e', store: '/u', linkMode: 'hardlink', readyCopies: false });
  });

  it('the last line of a file counts, and an empty one leaves the word to the next file', () => {
    expect(readSettings({}, files('store = /a\nstore = /b'))).toMatchObject({ store: '/b' });
    expect(readSettings({}, files('store =', 'store = /i'))).toMatchObject({ store: '/i' });
  });

  it('are told', () => {
    const places = files('link_mode = hardlink', '\nstore = /i');
    const { rows, problems } = inspectSettings({ PKG_CACHE_STORE: '/e' }, places);
    expect(problems).toEqual([]);
    const sources = new Map(rows.map(({ name, sources: each }) => [name, each]));
    expect(sources.get('store')).toEqual([
      { level: 'environment', name: 'PKG_CACHE_STORE', text: '/e' },
      { level: 'installation', name: `${places[1]!.path}, line 2`, text: '/i' },
    ]);
    expect(sources.get('linkMode')).toEqual([{ level: 'user', name: `${places[0]!.path}, line 1`, text: 'hardlink' }]);
    expect(sources.get('readyCopies')).toEqual([]);
  });

  it('may all be wrong', () => {
    const { rows, problems } = inspectSettings({ PKG_CACHE_LINK_MODE: 'soft' }, files('no_such = 1', 'cache_dir = here'));
    expect(problems.map(({ message }) => message.replace(/^.*(?=config)/, ''))).toEqual(['config, line 1: there is no setting no_such', 'config, line 1: here is not an absolute path', 'PKG_CACHE_LINK_MODE: soft is none of private, hardlink']);
    expect(rows.find(({ name }) => name === 'linkMode')).toMatchObject({ value: undefined });
  });

  it.each(['s3://key:secret@bucket/x', 's3://AKIA:a/secret@bucket', 'https://user:secret@host/x', 'file://user:secret@host/x', 's3://bucket/x?token=secret'])('%s is not shown, if it cannot be a store', (text) => {
    const rows = inspectSettings({ PKG_CACHE_STORE: text, PKG_CACHE_BLOCKED: 'good https://user:secret@host/ !https://secret@' }, files(`store = ${text}`)).rows;
    const shown = JSON.stringify(rows.filter(({ sources }) => sources.length > 0).map(({ sources }) => sources));
    expect(shown).not.toContain('secret');
    expect(shown).toContain('good https://host (not shown)');
  });

  it('one that is there and cannot be read is a problem, one that is not there is none', () => {
    expect(() => readSettings({}, [{ level: 'system', path: tempDir() }])).toThrow(/cannot be read: EISDIR$/);
    expect(readSettings({}, [{ level: 'system', path: '/nowhere/config' }])).toEqual(NOTHING);
  });

  it('are the user\'s, that of the installation, the machine\'s', () => {
    const paths = (env: Env): string[] => configFiles(env).map(({ level, path }) => `${level} ${path}`);
    expect(paths({ HOME: '/h' })).toEqual(['user /h/.config/pkg-cache/config', expect.stringMatching(/^installation .*\/config$/), 'system /etc/pkg-cache/config']);
    expect(paths({ HOME: '/h', XDG_CONFIG_HOME: '/x' })[0]).toBe('user /x/pkg-cache/config');
    expect(paths({ HOME: '/h', XDG_CONFIG_HOME: 'x' })[0]).toBe('user /h/.config/pkg-cache/config');
    expect(paths({})).toHaveLength(2);
  });
});
