import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { recogniseNpm } from '../../../src/npm/recognise/argv.ts';
import { directory, facts, recogniseLine, requestOf, world } from './support.ts';

const PACKAGE = { 'package.json': '{}' };

describe('no install in a project', () => {
  it.each(['', 'run build', 'run ci', 'test', 'exec ci', 'help ci', 'update', 'ci -g', 'install --global', 'i --location=global x', 'ci --version', '-v ci', 'ci --help', '-h ci', 'run build --unknown', 'ad', 'clean', 'installX', 'constructor'])('%j', (line) => {
    expect(recogniseLine(line, world(directory(PACKAGE))).kind).toBe('other');
  });

  it.each(['9.9.4', '10.7.0', '13.0.0', 'x', ''])('npm %j', (version) => {
    expect(recogniseLine('ci', world(directory(PACKAGE)), facts(version)).kind).toBe('other');
  });

  it('configured as global', () => {
    const root = directory({ ...PACKAGE, '.npmrc': 'location=global\n' });
    expect(recogniseLine('ci', world(root)).kind).toBe('other');
    expect(recogniseLine('ci', world(root, { npm_config_global: 'true' })).kind).toBe('other');
  });
});

describe('what npm says first', () => {
  const files = { ...PACKAGE, '.npmrc': 'nodedir=/usr\n//example.test/:always-auth=1\n' };
  const say = (version: string, line = 'ci'): string[] => requestOf(line, world(directory(files)), facts(version)).warnings.map(({ title, text }) => `${title}|${text}`);
  const key = 'Unknown user config "nodedir". This will stop working in the next major version of npm.';
  const login = 'Unknown user config "always-auth" (//example.test/:always-auth). This will stop working in the next major version of npm.';
  const hint = ' See `npm help npmrc` for supported config options.';

  it.each<[string, string[]]>([
    ['10.9.9', []],
    ['11.1.0', []],
    ['11.2.0', [`${key}|`, `${login}|`]],
    ['11.10.0', [`${key}|`, `${login}|`]],
    ['11.10.1', [`${key}${hint}|`, `${login}${hint}|`]],
    ['12.2.0', [`${key}${hint}|`, `${login}${hint}|`]],
  ])('npm %s', (version, expected) => {
    expect(say(version)).toEqual(expected);
  });

  it('says what it comes upon at once before what it says when the command starts', () => {
    expect(say('11.6.0', 'ci -f --production').map((line) => line.slice(0, 20))).toEqual(['config|production Us', 'Unknown user config ', 'Unknown user config ', 'using --force|Recomm']);
    expect(say('11.19.1', 'ci -f --production').map((line) => line.slice(0, 20))).toEqual(['config|production Us', 'using --force|Recomm', 'Unknown user config ', 'Unknown user config ']);
  });
});

describe('an npm that is newer than the table', () => {
  const newer = facts('12.9.0');

  it('is served as long as nothing depends on keys that only it may know', () => {
    expect(recogniseLine('ci --omit=dev', world(directory(PACKAGE)), newer).kind).toBe('install');
    expect(recogniseLine('ci', world(directory({ ...PACKAGE, '.npmrc': 'new-key=1' })), newer)).toMatchObject({ kind: 'passthrough', observe: false });
    expect(recogniseLine('ci --pro', world(directory(PACKAGE)), facts('11.99.0'))).toMatchObject({ kind: 'passthrough', observe: false });
  });
});

test('a Node that npm does not support is for npm to complain of', () => {
  const kind = (version: string, nodeVersion: string): string => recogniseLine('ci', world(directory(PACKAGE)), { ...facts(version), nodeVersion }).kind;
  expect([kind('10.9.9', 'v18.17.0'), kind('10.9.9', 'v19.9.0'), kind('10.9.9', 'v21.0.0')]).toEqual(['install', 'passthrough', 'install']);
  expect([kind('11.19.1', 'v20.17.0'), kind('11.19.1', 'v22.8.0'), kind('11.19.1', 'v23.0.0')]).toEqual(['install', 'passthrough', 'install']);
  expect([kind('12.2.0', 'v22.22.2'), kind('12.2.0', 'v23.0.0'), kind('12.2.0', 'v27.0.0-nightly')]).toEqual(['install', 'passthrough', 'passthrough']);
});

describe('what is left to npm', () => {
  it.each<[string, boolean]>([
    ['install left-pad', true],
    ['it', true],
    ['cit', true],
    ['ci --workspace=a', true],
    ['ci --install-strategy=linked', true],
    ['ci --dry-run', false],
    ['ci --package-lock-only', false],
    ['ci --nope', false],
    ['ci --omit', false],
  ])('%s (cached afterwards: %j)', (line, observe) => {
    expect(recogniseLine(line, world(directory(PACKAGE)))).toMatchObject({ kind: 'passthrough', observe });
  });
});

describe('hostile surroundings', () => {
  const odd: Record<string, string | Buffer> = {
    'not UTF-8': Buffer.from([0x66, 0xff, 0x3d, 0x31]),
    'a prototype': '__proto__=1\n__proto__[]=2\n[__proto__]\na=1\n',
    'a key of every object': 'hasOwnProperty=1\n',
    'a NUL': 'fund=\0',
    'deep JSON': `fund='${'['.repeat(20_000)}'`,
    'escape characters': 'a\u001b[31m=1',
    'huge': 'a=1\n'.repeat(400_000),
    'a long line': `a${'='.repeat(100_000)}`,
    'variables': `cache=${'\\'.repeat(5000)}\${X}${'\${'.repeat(5000)}`,
  };

  it.each(Object.keys(odd))('%s', (name) => {
    const root = directory({ ...PACKAGE, '.npmrc': odd[name] as string });
    expect(() => recogniseLine('ci', world(root))).not.toThrow();
  });

  test('a pipe is not read', () => {
    const root = directory(PACKAGE);
    execFileSync('mkfifo', [join(root, '.npmrc')]);
    expect(recogniseLine('ci', world(root))).toMatchObject({ kind: 'passthrough', observe: false });
  });

  test('a directory, or a file that cannot be read, is none', () => {
    const root = directory({ ...PACKAGE, '.npmrc/x': '', 'rc': 'fund=false' });
    chmodSync(join(root, 'rc'), 0);
    expect(requestOf('ci', world(root)).fund).toBe(true);
    expect(() => recogniseLine(`ci --userconfig=${join(root, 'rc')}`, world(root))).not.toThrow();
  });

  test('reasons and requests hold no credentials', () => {
    const root = directory({ ...PACKAGE, '.npmrc': 'registry=https://user:SECRET@example.test/\n//example.test/:_authToken=SECRET\n@a:registry=https://SECRET@example.test/\n' });
    expect(JSON.stringify({ ...requestOf('ci', world(root)), scriptEnv: {} })).not.toContain('SECRET');
    for (const line of ['ci --_auth=SECRET --registry=SECRET', 'ci --loglevel=SECRET', 'ci --SECRET=1']) {
      expect(JSON.stringify(recogniseLine(line, world(root)))).not.toContain('SECRET');
    }
  });

  test('strange arguments do not throw', () => {
    const root = directory(PACKAGE);
    for (const word of ['-', '-=', '--=', '---', '--no-', '--no-no-', '-\u{1f600}', '--__proto__', '--constructor=1', '--no', '']) {
      expect(() => recogniseNpm(['ci', word, 'x'], facts(), world(root))).not.toThrow();
      expect(() => recogniseNpm([word, 'ci'], facts(), world(root))).not.toThrow();
    }
  });
});
