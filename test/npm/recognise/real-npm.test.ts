import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { recogniseNpm } from '../../../src/npm/recognise/argv.ts';
import type { NpmRecognition, NpmRequest } from '../../../src/npm/recognise/request.ts';
import { plainText } from '../../../src/npm/recognise/warnings.ts';
import type { NpmFacts } from '../../../src/npm/recognise/world.ts';
import { CASES, type Case, REFUSED } from './cases.ts';
import { randomCases } from './random-cases.ts';
import { ask, directory, fill, realNpms } from './support.ts';

/** What real_npm.cjs says. */
interface Theirs {
  readonly error?: string;
  readonly command: string | null;
  readonly words: readonly string[];
  readonly flat: Readonly<Record<string, unknown>>;
  readonly values: Readonly<Record<string, unknown>>;
  readonly env: Readonly<Record<string, string>>;
  readonly scopes: Readonly<Record<string, string>>;
  readonly messages: readonly (readonly string[])[];
  readonly localPrefix: string;
  readonly globalPrefix: string;
  readonly hasPackage: boolean;
  readonly version?: boolean;
}

interface Prepared {
  readonly argv: readonly string[];
  readonly env: Record<string, string>;
  readonly cwd: string;
  readonly home: string;
}

function prepare(root: string, c: Case, index: number): Prepared {
  const home = join(root, String(index));
  mkdirSync(home);
  const inHome = (text: string): string => text.replaceAll('@HOME@', home);
  fill(home, Object.fromEntries(Object.entries({ 'package.json': '{}', ...c.files }).map(([name, text]) => [name, inHome(text)])));
  const env = Object.fromEntries(Object.entries({ HOME: home, PATH: '/usr/bin:/bin', PREFIX: join(home, 'usr'), ...c.env }).map(([name, value]) => [name, inHome(value)]));
  const argv = (typeof c.line === 'string' ? c.line.split(' ') : c.line).map(inHome);
  return { argv, env, cwd: join(home, c.cwd ?? ''), home };
}

function ours(npm: NpmFacts, { argv, env, cwd, home }: Prepared): NpmRecognition {
  return recogniseNpm(argv, npm, { env, cwd, home, platform: process.platform });
}

const normal = (url: string): string => url.replace(/\/*$/, '/').replace(/\/\/[^/@]*@/, '//');

/** Facts that are passed on, and what depends on the terminal. */
const NOT_COMPARED: ReadonlySet<string> = new Set(['nodeVersion', 'npmVersion', 'progress', 'command']);

/** Our request, and what npm says, in the same words. */
function ourAnswer(request: NpmRequest, env: Record<string, string>): unknown {
  const { omit, scopes, scriptEnv, warnings, ...rest } = request;
  const others = Object.entries(rest).filter(([key]) => !NOT_COMPARED.has(key));
  return { ...Object.fromEntries(others), omit: [...omit].sort(), scopes: Object.fromEntries(scopes), env: { ...env, ...scriptEnv }, warnings: warnings.map(({ title, text }) => (text === '' ? title : `${title} ${text}`)) };
}

function theirAnswer(theirs: Theirs, env: Record<string, string>): unknown {
  const { flat, values } = theirs;
  const flags = ['ignoreScripts', 'foregroundScripts', 'dangerouslyAllowAllScripts', 'binLinks', 'engineStrict', 'force', 'legacyPeerDeps', 'strictPeerDeps', 'offline', 'preferOffline', 'preferOnline', 'omitLockfileRegistryResolved', 'json', 'fund'];
  const optional = ['scriptShell', 'cpu', 'os', 'libc', 'lockfileVersion'].filter((key) => flat[key] !== null && flat[key] !== undefined && flat[key] !== '');
  const allowance = (key: string): unknown => flat[key] ?? 'all';
  return {
    prefix: theirs.localPrefix,
    hasPackage: theirs.hasPackage,
    globalPrefix: theirs.globalPrefix,
    cache: values['cache'],
    omit: [...(flat['omit'] as string[])].sort(),
    registry: normal(flat['registry'] as string),
    scopes: Object.fromEntries(Object.entries(theirs.scopes).map(([key, url]) => [key.replace(':registry', ''), normal(url)])),
    ...Object.fromEntries(flags.map((key) => [key, Boolean(flat[key])])),
    ...Object.fromEntries(optional.map((key) => [key, flat[key]])),
    replaceRegistryHost: flat['replaceRegistryHost'],
    loglevel: values['loglevel'],
    color: values['color'],
    umask: flat['umask'],
    audit: values['audit'],
    allow: { directory: allowance('allowDirectory'), file: allowance('allowFile'), git: allowance('allowGit'), remote: allowance('allowRemote') },
    releaseDates: ['before', 'min-release-age'].some((key) => (values[key] ?? null) !== null),
    env: { ...env, ...theirs.env },
    warnings: theirs.messages.filter(([level]) => level === 'warn').map(([, ...words]) => words.join(' ')),
  };
}

function withoutProgress(env: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name !== 'npm_config_progress' && name !== 'npm_config_user_agent'));
}

/** Compares one case; throws if ours claims to understand what npm sees otherwise. */
function compare(label: string, question: Prepared, recognition: NpmRecognition, theirs: Theirs): void {
  if (!('request' in recognition)) return;
  expect(theirs.error, label).toBeUndefined();
  const env = withoutProgress(question.env);
  expect(ourAnswer(recognition.request, env), label).toEqual(theirAnswer(theirs, env));
  expect(theirs.messages.filter(([level]) => level === 'error'), label).toEqual([]);
  expect(['ci', 'install', 'install-test', 'install-ci-test'], label).toContain(theirs.command);
  if (recognition.kind === 'install') expect(recognition.request.command, label).toBe(theirs.command);
}

const LOCKFILE = JSON.stringify({ name: 'x', version: '1.0.0', lockfileVersion: 3, packages: { '': { name: 'x', version: '1.0.0' } } });

describe.each(await realNpms())('npm $version', (npm) => {
  test('requests are what the real npm makes of the same command lines', async () => {
    const root = directory();
    const cases = CASES.filter((c) => c.npm === undefined || c.npm.test(npm.version));
    const questions = cases.map((c, i) => prepare(root, c, i));
    const answers = await ask<Theirs>(npm.npmDir, questions);
    questions.forEach((question, i) => {
      const recognition = ours(npm, question);
      const label = JSON.stringify(cases[i]);
      expect('request' in recognition ? 'request' : recognition, label).toBe('request');
      expect(recognition.kind === 'install', label).toBe(cases[i]!.observed !== true);
      compare(label, question, recognition, answers[i] as Theirs);
    });
  });

  test('what the real npm refuses or complains of is not served', async () => {
    const root = directory();
    const questions = REFUSED.map((c, i) => prepare(root, c, i));
    const served = questions.map((question) => ours(npm, question).kind);
    expect(REFUSED.filter((_, i) => served[i] === 'install')).toEqual([]);
    const answers = await ask<Theirs>(npm.npmDir, questions);
    questions.forEach((question, i) => compare(JSON.stringify(REFUSED[i]), question, ours(npm, question), answers[i] as Theirs));
  });

  test('what npm says first is what it prints', async () => {
    const files = { 'package.json': '{"name":"x","version":"1.0.0"}', 'package-lock.json': LOCKFILE, '.npmrc': 'nodedir=/usr\n//example.test/:always-auth=1\n@a:cache=1\n' };
    const c: Case = { line: 'ci -fs --optional --no-audit --loglevel=warn', files, env: { npm_config_sharp_host: 'x', npm_config_production: 'true', npm_config_update_notifier: 'false' } };
    const question = prepare(directory(), c, 0);
    const recognition = ours(npm, question);
    if (recognition.kind !== 'install') throw new Error(JSON.stringify(recognition));
    const running = promisify(execFile)(process.execPath, [join(npm.npmDir, 'bin/npm-cli.js'), ...question.argv], question);
    const { stderr } = await running;
    // Only where the test runs under another Node than that of `facts`.
    expect(recognition.request.warnings.map(plainText).join('')).toBe(stderr.replace(/^npm warn cli npm v.*\n/, ''));
  });

  test('nor anything else that comes along', async () => {
    const root = directory();
    const cases = randomCases(250);
    const questions = cases.map((c, i) => prepare(root, c, i));
    const answers = await ask<Theirs>(npm.npmDir, questions);
    const kinds = new Set<string>();
    questions.forEach((question, i) => {
      const recognition = ours(npm, question);
      kinds.add(recognition.kind);
      compare(JSON.stringify(cases[i]), question, recognition, answers[i] as Theirs);
      if (recognition.kind !== 'other' || answers[i]?.error !== undefined) return;
      const { command, values, version } = answers[i] as Theirs;
      const install = ['ci', 'install', 'install-test', 'install-ci-test'].includes(String(command));
      expect(install && !version && !values['usage'] && !values['global'] && values['location'] !== 'global', JSON.stringify(cases[i])).toBe(false);
    });
    expect([...kinds].sort()).toEqual(['install', 'other', 'passthrough']);
  });
});
