import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../support/run.ts';
import { NpmLab, removeModules, said } from './support/npm-lab.ts';
import { treeOf } from './support/tree.ts';
import type { Env, Worker } from './support/worker.ts';

// Install scripts whose work is elsewhere, or depends on what is elsewhere: what they found to do on one worker is not what there is to do on
// another. The packages are look-alikes of public ones.

let lab: NpmLab;

const js = (code: string): string => `node -e "${code.replaceAll('"', "'")}"`;
const FS = "const fs = require('fs'); ";

/** Something to compile with that is not here. */
const TOOL = ['clang', 'ninja', 'rustc', 'cmake', 'go'].find((name) => !(process.env['PATH'] ?? '').split(':').some((path) => existsSync(join(path, name)))) ?? '';

beforeAll(async () => {
  lab = await NpmLab.start();
  const scripted = (name: string, postinstall: string, more: object = {}): void => lab.registry.publish({ name, version: '1.0.0', manifest: { scripts: { postinstall }, ...more } });
  // cypress: a program in HOME, unless it is there.
  scripted('fetches', js(`${FS} const at = process.env.HOME + '/.fetches'; if (!fs.existsSync(at)) fs.writeFileSync(at, '')`));
  // The same, and something in the package.
  scripted('fetches-and-builds', js(`${FS} const at = process.env.HOME + '/.fetches-and-builds'; if (!fs.existsSync(at)) fs.writeFileSync(at, ''); fs.writeFileSync('built', '')`));
  // husky, lefthook: hooks, where there is a repository.
  lab.registry.publish({ name: 'hooks', version: '1.0.0', files: { 'hooks.js': `${FS} const path = require('path'); let at = process.env.INIT_CWD; while (!fs.existsSync(at + '/.git') && at !== '/') at = path.dirname(at); if (at !== '/') fs.writeFileSync(at + '/.git/hooks/pre-commit', '')` }, manifest: { scripts: { postinstall: 'node hooks.js' } } });
  // msw: a file where package.json says.
  lab.registry.publish({ name: 'worker-file', version: '1.0.0', files: { 'install.js': `${FS} const at = process.env.INIT_CWD; const { worker } = JSON.parse(fs.readFileSync(at + '/package.json', 'utf8')); fs.writeFileSync('seen', ''); if (worker) fs.writeFileSync(at + '/' + worker, '')` }, manifest: { scripts: { postinstall: 'node install.js' } } });
  // Nothing to do under CI; or a part of it.
  lab.registry.publish({ name: 'not-in-ci', version: '1.0.0', files: { 'install.js': `${FS} fs.writeFileSync('built', ''); if (!process.env.CI && !process.env.SKIP_IT) fs.writeFileSync('more', '')` }, manifest: { scripts: { postinstall: 'node install.js' } } });
  scripted('tells', js(`${FS} fs.writeFileSync(process.env.DUMP, JSON.stringify([process.env, process.cwd(), process.argv0]))`), { engines: { node: '>=1' }, bin: 'index.js', config: { a: '1' } });
  scripted('may-fail', js(`if (process.env.FAIL) { console.error('no luck'); process.exit(3) }`));
  scripted('compiles', `if command -v ${TOOL} >/dev/null; then echo native; else echo slow; fi > made`);
}, 300_000);

afterAll(() => lab.stop());

function npm(worker: Worker, directory: string, env: Env = {}, args: readonly string[] = ['ci']): Promise<Outcome> {
  removeModules(directory);
  return lab.withoutRegistry(() => lab.npm(worker, directory, args, env));
}

let homes = 0;

/** An empty HOME. */
function home(): string {
  const path = join(lab.world.root, `home-${homes++}`);
  mkdirSync(path);
  return path;
}

describe('a script that found its work done, or nothing to do', () => {
  it.each(['fetches', 'fetches-and-builds'])('%s is run where it has something to do: in another HOME, and on another worker', async (name) => {
    const directory = await lab.project({ dependencies: { [name]: '1.0.0' } });
    const HOME = home();
    writeFileSync(join(HOME, `.${name}`), '');
    const first = lab.world.worker();
    // Where HOME is empty, it writes there; then the same in a HOME that has it.
    for (const env of name === 'fetches' ? [{ HOME }] : [{}, { HOME }]) {
      expect(await lab.npm(first, directory, ['ci'], env)).toMatchObject({ code: 0 });
      await first.settle();
    }
    for (const worker of [first, lab.world.worker()]) {
      const other = home();
      const served = await npm(worker, directory, { HOME: other });
      expect(served).toMatchObject({ code: 0, stdout: expect.stringMatching(/1 from the (?:cache|store)/) as string });
      expect(existsSync(join(other, `.${name}`))).toBe(true);
    }
  });

  it('is run in a project that has a repository by now, or lies below one', async () => {
    const directory = await lab.project({ dependencies: { hooks: '1.0.0' } });
    const worker = await lab.filled(directory);
    mkdirSync(join(directory, '.git/hooks'), { recursive: true });
    expect(await npm(worker, directory)).toMatchObject({ code: 0, stdout: expect.stringContaining('1 from the cache') as string });
    expect(existsSync(join(directory, '.git/hooks/pre-commit'))).toBe(true);
  });

  it('is run where package.json is another one', async () => {
    await lab.filled(await lab.project({ dependencies: { 'worker-file': '1.0.0' } }));
    const directory = await lab.project({ dependencies: { 'worker-file': '1.0.0' }, worker: 'worker.js' });
    const worker = lab.world.worker();
    expect(await lab.npm(worker, directory, ['ci'])).toMatchObject({ code: 0 });
    expect(existsSync(join(directory, 'worker.js'))).toBe(true);
    await worker.settle();
    rmSync(join(directory, 'worker.js'));
    expect(await npm(worker, directory)).toMatchObject({ code: 0, stdout: expect.stringContaining('1 from the cache') as string });
    expect(existsSync(join(directory, 'worker.js'))).toBe(true);
    expect(existsSync(join(directory, 'node_modules/worker-file/seen'))).toBe(true);
  });

  it.each<[string, Env]>([['CI', { CI: '1' }], ['a variable that only its text names', { SKIP_IT: '1' }]])('is not spared where it was run with %s, and now is not', async (_, env) => {
    const directory = await lab.project({ dependencies: { 'not-in-ci': '1.0.0' }, description: JSON.stringify(env) });
    const built = (): boolean[] => ['built', 'more'].map((name) => existsSync(join(directory, 'node_modules/not-in-ci', name)));
    const plain = { CI: undefined, SKIP_IT: undefined };
    const worker = lab.world.worker();
    expect(await lab.npm(worker, directory, ['ci'], { ...plain, ...env })).toMatchObject({ code: 0 });
    await worker.settle();
    expect(await npm(worker, directory, { ...plain, ...env })).toMatchObject({ code: 0 });
    expect(built()).toEqual([true, false]);
    for (const each of [worker, lab.world.worker()]) {
      expect(await npm(each, directory, plain)).toMatchObject({ code: 0 });
      expect(built()).toEqual([true, true]);
    }
  });
});

it.skipIf(TOOL === '')('what a worker without a compiler has made is for workers without one', async () => {
  const directory = await lab.project({ dependencies: { compiles: '1.0.0' } });
  const made = (): string => readFileSync(join(directory, 'node_modules/compiles/made'), 'utf8');
  const tools = join(lab.world.root, 'tools');
  mkdirSync(tools);
  writeFileSync(join(tools, TOOL), '#!/bin/sh\n', { mode: 0o755 });
  const poor = await lab.filled(directory);
  const rich = lab.world.worker();
  const PATH = [rich.shims, tools, lab.world.box.env['PATH']].join(':');
  for (const [env, expected] of [[{}, 'slow\n'], [{ PATH }, 'native\n']] as const) {
    for (const worker of [poor, rich]) {
      expect(await npm(worker, directory, env)).toMatchObject({ code: 0 });
      expect(made()).toBe(expected);
      await worker.settle();
    }
  }
});

describe('scripts that are run for a tree that is served', () => {
  it('have npm’s environment', async () => {
    const directory = await lab.project({ dependencies: { tells: '1.0.0' } });
    const DUMP = join(lab.world.root, 'dump.json');
    const seen = (): unknown => {
      const [env, ...rest] = JSON.parse(readFileSync(DUMP, 'utf8')) as [Record<string, string>, ...unknown[]];
      rmSync(DUMP);
      return [Object.entries(env).filter(([name]) => !/^(?:PATH|PKG_CACHE_\w+|npm_config_cache|_|OLDPWD|SHLVL|(?:AWS|PIP)_\w+)$/.test(name)).sort(), ...rest];
    };
    const outcome = await lab.realNpm(directory, ['ci'], { DUMP });
    const expected = seen();
    removeModules(directory);
    const worker = lab.world.worker();
    expect(await lab.npm(worker, directory, ['ci'], { DUMP })).toMatchObject({ code: 0 });
    await worker.settle();
    rmSync(DUMP);
    const served = await npm(worker, directory, { DUMP });
    expect(served).toMatchObject({ code: 0, stderr: outcome.stderr, stdout: expect.stringContaining('1 from the cache') as string });
    expect(said(served)).toBe(said(outcome));
    expect(seen()).toEqual(expected);
  });

  it('fail the install as npm does, with its words; or are left out with their package, where that is optional', async () => {
    for (const kind of ['dependencies', 'optionalDependencies']) {
      const directory = await lab.project({ [kind]: { 'may-fail': '1.0.0' } });
      const outcome = await lab.realNpm(directory, ['ci'], { FAIL: '1' });
      const tree = treeOf(directory);
      removeModules(directory);
      const worker = await lab.filled(directory);
      const plain = (text: string): string => text.replace(/^npm error A complete log.*\n/m, '');
      const failed = await npm(worker, directory, { FAIL: '1' });
      expect({ kind, code: failed.code, stderr: plain(failed.stderr) }).toEqual({ kind, code: outcome.code, stderr: plain(outcome.stderr) });
      expect(treeOf(directory)).toEqual(tree);
      expect(await npm(worker, directory)).toMatchObject({ code: 0, stdout: expect.stringContaining('1 from the cache') as string });
    }
  });

  it('are run, too, for a copy that was made in advance; and leave a tree that npm believes', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `part-${i}`);
    for (const name of names) lab.registry.publish({ name, version: '1.0.0' });
    const directory = await lab.project({ dependencies: Object.fromEntries([...names, 'fetches'].map((name) => [name, '1.0.0'])) });
    const worker = await lab.filled(directory);
    for (const round of ['copied', 'renamed', 'renamed']) {
      const HOME = home();
      const { stdout } = await npm(worker, directory, { HOME });
      expect({ round, served: stdout.includes('21 from the cache'), ran: existsSync(join(HOME, '.fetches')) }).toEqual({ round, served: true, ran: true });
      await worker.settle();
    }
    expect(await lab.realNpm(directory, ['ls'])).toMatchObject({ code: 0 });
  });
});
