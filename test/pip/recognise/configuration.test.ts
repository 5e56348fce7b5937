import { describe, expect, it } from 'vitest';
import type { Context, Recognition } from '../../../src/pip/recognise/request.ts';
import { parseIni } from '../../../src/pip/recognise/ini.ts';
import { context, directory, recogniseLine, requestOf } from './support.ts';

const GLOBAL = 'etc/pip/pip.conf';
const LEGACY = '.pip/pip.conf';
const USER = '.config/pip/pip.conf';
const SITE = 'site/pip.conf';
const conf = (section: string, value: string): string => `[${section}]\nindex-url = https://${value}\n`;

function indexOf(files: Record<string, string>, env: Context['env'] = {}, args = ''): string | undefined {
  return requestOf(`install ${args} six`, context(directory(files), env)).index.indexUrl;
}

describe('precedence', () => {
  it.each<[string, Record<string, string>, Context['env'], string, string | undefined]>([
    ['nothing', {}, {}, '', undefined],
    ['global', { [GLOBAL]: conf('global', 'g') }, {}, '', 'https://g'],
    ['legacy over global', { [GLOBAL]: conf('global', 'g'), [LEGACY]: conf('global', 'l') }, {}, '', 'https://l'],
    ['user over legacy', { [LEGACY]: conf('global', 'l'), [USER]: conf('global', 'u') }, {}, '', 'https://u'],
    ['site over user', { [USER]: conf('global', 'u'), [SITE]: conf('global', 's') }, {}, '', 'https://s'],
    ['own over site', { [SITE]: conf('global', 's'), own: conf('global', 'o') }, { PIP_CONFIG_FILE: 'own' }, '', 'https://o'],
    ['own hides user', { [USER]: conf('install', 'u'), own: '' }, { PIP_CONFIG_FILE: 'own' }, '', undefined],
    ['a missing own hides nothing', { [USER]: conf('global', 'u') }, { PIP_CONFIG_FILE: 'own' }, '', 'https://u'],
    ['[install] over [global]', { [GLOBAL]: conf('install', 'g'), [SITE]: conf('global', 's') }, {}, '', 'https://g'],
    ['other sections', { [USER]: conf('download', 'd') + conf('freeze', 'f') }, {}, '', undefined],
    ['environment over files', { [SITE]: conf('install', 's') }, { PIP_INDEX_URL: 'https://e' }, '', 'https://e'],
    ['arguments over environment', {}, { PIP_INDEX_URL: 'https://e' }, '-i https://a', 'https://a'],
    ['empty environment', { [SITE]: conf('global', 's') }, { PIP_INDEX_URL: '' }, '', 'https://s'],
    ['null device', { [USER]: conf('global', 'u'), [SITE]: conf('global', 's') }, { PIP_CONFIG_FILE: '/dev/null' }, '', undefined],
    ['isolated', { [USER]: conf('global', 'u'), [GLOBAL]: conf('global', 'g') }, { PIP_INDEX_URL: 'https://e' }, '--isolated', 'https://g'],
    ['isolated by environment only', { [USER]: conf('global', 'u') }, { PIP_ISOLATED: '1' }, '', 'https://u'],
    ['XDG', { 'xdg/pip/pip.conf': conf('global', 'x'), [USER]: conf('global', 'u') }, { XDG_CONFIG_HOME: '/XDG' }, '', 'https://x'],
    ['aliases', { [USER]: '[global]\npypi_url=https://p\n' }, {}, '', 'https://p'],
  ])('%s', (_, files, env, args, expected) => {
    const root = directory(files);
    const ctx = context(root, env);
    const xdg = env['XDG_CONFIG_HOME'] === undefined ? {} : { XDG_CONFIG_HOME: `${root}/xdg` };
    expect(requestOf(`install ${args} six`, { ...ctx, env: { ...ctx.env, ...xdg } }).index.indexUrl).toBe(expected);
  });

  it('lists are replaced by files and environment, and added to by arguments', () => {
    const files = { [USER]: '[global]\nextra-index-url =\n  https://a\n  https://b\n[install]\nfind-links = https://f\n' };
    expect(requestOf('install --extra-index-url https://c six', context(directory(files))).index.extraIndexUrls).toEqual(['https://a', 'https://b', 'https://c']);
    const env = { PIP_EXTRA_INDEX_URL: ' https://d\thttps://e ' };
    expect(requestOf('install --extra-index-url https://c six', context(directory(files), env)).index.extraIndexUrls).toEqual(['https://d', 'https://e', 'https://c']);
  });

  it('format controls add up', () => {
    const files = { [USER]: '[global]\nno-binary = a\n[install]\nno-binary = b\n' };
    const { index } = requestOf('install --only-binary a --no-binary d six', context(directory(files), { PIP_NO_BINARY: 'c' }));
    expect(index).toMatchObject({ noBinary: ['b', 'c', 'd'], onlyBinary: ['a'] });
  });
});

describe('the environment', () => {
  it.each<[Context['env'], object]>([
    [{ PIP_NO_DEPS: 'yes' }, { noDeps: true }],
    [{ PIP_NO_DEPS: '0' }, { noDeps: false }],
    [{ PIP_NO_COMPILE: '0' }, { compile: false }],
    [{ PIP_NO_COMPILE: '1' }, { compile: true }],
    [{ PIP_COMPILE: 'off' }, { compile: false }],
    [{ PIP_VERBOSE: '2' }, { verbosity: 2 }],
    [{ PIP_QUIET: 'true' }, { verbosity: -1 }],
    [{ PIP_USER: '1' }, { user: true, noUser: false }],
    [{ PIP_USER: '0' }, { user: false, noUser: true }],
    [{ PIP_NO_USER: '1' }, { user: true }],
    [{ PIP_TARGET: '/t' }, { target: '/t' }],
    [{ PIP_PYTHON: '/venv' }, { python: '/venv' }],
    [{ PIP_CONSTRAINT: '' }, { constraints: [] }],
    [{ PIP_NO_CACHE_DIR: '1' }, { buildOptions: false }],
    [{ PIP_NO_BUILD_ISOLATION: 'no' }, { buildOptions: true }],
    [{ PIP_NO_WARN_SCRIPT_LOCATION: '0' }, { noWarnScriptLocation: true }],
    [{ PIP_DISABLE_PIP_VERSION_CHECK: 'on', PIP_ROOT_USER_ACTION: 'ignore', PIP_NO_INPUT: '1' }, { disablePipVersionCheck: true, rootUserAction: 'ignore' }],
    [{ PIP_UNKNOWN_OPTION: 'x', PIP_VERSION: '1', PIP_HELP: '1', PIPX_HOME: '/x', PIP_NO_PKG_CACHING: '1' }, { pip: {} }],
    [{ PIP_KEYRING_PROVIDER: 'disabled' }, { pip: {} }],
    [{ PIP_UPLOADED_PRIOR_TO: '2024-01-01' }, { pip: { since: '26.0' } }],
    [{ pip_no_deps: '1' }, { noDeps: false }],
    [{ PIP_UPGRADE: '0' }, { noDeps: false }],
  ])('%j', (env, expected) => {
    expect(requestOf('install six', context(directory(), env))).toMatchObject(expected);
  });

  it.each<[Context['env'], boolean]>([
    [{ PIP_UPGRADE: '1' }, true],
    [{ PIP_EDITABLE: '.' }, true],
    [{ PIP_SRC: '/src' }, true],
    [{ PIP_REPORT: 'r.json' }, false],
    [{ PIP_DRY_RUN: '1' }, false],
    [{ PIP_NO_DEPS: 'maybe' }, false],
    [{ PIP_VERBOSE: 'x' }, false],
    [{ PIP_PROGRESS_BAR: 'fancy' }, false],
    [{ PIP_COMPILE: '1', PIP_NO_COMPILE: '0' }, false],
    [{ PIP_NO_BINARY: 'a', PIP_ONLY_BINARY: 'b' }, false],
    [{ PIP_NO_CACHE_DIR: 'maybe' }, false],
    [{ PIP_REQUIREMENT: 'missing.txt' }, false],
    [{ XDG_CONFIG_HOME: 'relative' }, false],
    [{ _PIP_RUNNING_IN_SUBPROCESS: '1' }, false],
  ])('%j passes, observed: %s', (env, observe) => {
    expect(recogniseLine('install six', context(directory(), env))).toMatchObject({ kind: 'passthrough', observe });
  });
});

describe('files', () => {
  it('are read as Python reads them', () => {
    const text = '; c\n[global]\nA_b: 1 # no comment\n  c = d\n\n# c\n\n  e\n[install] # x\nkey=\n--no-deps = x = y ; z\n';
    expect([...parseIni(text)].map(([name, values]) => [name, [...values]])).toEqual([
      ['global', [['a-b', '1 # no comment\nc = d\n\n\ne']]],
      ['install', [['key', ''], ['no-deps', 'x = y ; z']]],
    ]);
  });

  it.each(['a = b\n', '[global]\nnovalue\n', '[global]\n= x\n', '[global]\na=1\nA=2\n', '[global]\n[global]\n', '[DEFAULT]\na=b\n', '\ufeff[global]\n', '[]\n', '[global]\nindex-url = a\n b\n'])(
    '%j is left to pip',
    (text) => {
      const recognition: Recognition = recogniseLine('install six', context(directory({ [USER]: text })));
      expect(recognition).toMatchObject({ kind: 'passthrough', observe: false });
    },
  );

  it.each<[Record<string, string>, boolean]>([
    [{ [USER]: '[global]\nno-binary=a\n', [SITE]: '[global]\nno-binary=b\n' }, false],
    [{ [USER]: '[global]\nindex-url=https://a\n', [SITE]: '[global]\nindex-url=\n' }, false],
    [{ [USER]: '[global]\nproxy=a\n', [SITE]: '[global]\nproxy=\n' }, true],
  ])('pips differ: %j', (files, served) => {
    expect(recogniseLine('install six', context(directory(files))).kind).toBe(served ? 'install' : 'passthrough');
  });

  it('say that a file sets an index for another command only', () => {
    expect(indexOf({ [USER]: '[download]\nindex-url = https://d\n[global]\nunknown = x\n' })).toBeUndefined();
  });
});
