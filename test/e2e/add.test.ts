import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome, RunOptions } from '../support/run.ts';
import type { Venv } from '../support/venv.ts';
import { startGate } from './support/gate.ts';
import { NpmLab } from './support/npm-lab.ts';
import { start } from './support/started.ts';
import type { Worker } from './support/worker.ts';

let lab: NpmLab;
let venv: Venv;

beforeAll(async () => {
  lab = await NpmLab.start();
  lab.world.wheel({ name: 'ash', version: '1.0' });
  lab.world.wheel({ name: 'birch', version: '1.0', requiresDist: ['ash>=1'] });
  lab.registry.publish({ name: 'oak', version: '1.0.0' });
  lab.registry.publish({ name: 'elm', version: '1.0.0', manifest: { dependencies: { oak: '^1.0.0' } } });
  venv = await lab.world.venv();
});

afterAll(async () => await lab.stop());

/** `pkg-cache add ARG…`, where pip is that of an environment, and npm knows no registry but the test's. */
function add(worker: Worker, args: readonly string[], { env = {}, ...options }: RunOptions = {}): Promise<Outcome> {
  const PATH = [worker.shims, venv.bin, lab.world.box.env['PATH']].join(delimiter);
  return worker.cli(['add', ...args], { ...options, env: { ...lab.environment(worker.env), npm_config_cache: `${worker.cache}.npm`, PATH, ...env } });
}

async function withoutIndex<T>(action: () => Promise<T>): Promise<T> {
  await lab.world.index.down();
  try {
    return await action();
  } finally {
    await lab.world.index.up();
  }
}

describe('of pip', () => {
  it('are in the cache and in the store, and installed nowhere', async () => {
    const worker = lab.world.worker();
    const file = join(lab.world.root, 'requirements.txt');
    writeFileSync(file, 'ash==1.0\nbirch==1.0\n');
    writeFileSync(join(lab.world.root, 'venv.py'), "raise SystemExit('the working directory is where modules come from')");
    const { code, stdout } = await add(worker, ['-r', 'requirements.txt'], { cwd: dirname(file) });
    expect({ code, end: stdout.split('\n').at(-2) }).toEqual({ code: 0, end: '2 of 2 packages in the cache, 2 new entries' });
    expect((await worker.rows()).map(({ status }) => status)).toEqual(['cached', 'cached']);
    expect(existsSync(join(venv.sitePackages, 'ash'))).toBe(false);
    expect(readdirSync(join(worker.cache, 'v1/placing'))).toEqual([]);
    const served = await withoutIndex(async () => await worker.pip(await lab.world.venv(), ['install', '-r', file]));
    expect(served).toMatchObject({ code: 0, stdout: expect.stringMatching(/\(cached\)/) });
    // Another worker has them from the store, without an index.
    const other = lab.world.worker();
    expect(await withoutIndex(() => add(other, ['-r', file]))).toMatchObject({ code: 0, stdout: expect.stringContaining('2 of 2 packages in the cache, 2 new entries') });
    expect(await other.cached()).toEqual(['ash==1.0', 'birch==1.0']);
  });

  it('are found with what they depend on, where nothing is pinned', async () => {
    const worker = lab.world.worker();
    expect(await add(worker, ['birch'])).toMatchObject({ code: 0 });
    expect(await worker.cached()).toEqual(['ash==1.0', 'birch==1.0']);
  });

  it('are those of another environment, and of its configuration', async () => {
    const worker = lab.world.worker({ PIP_INDEX_URL: undefined });
    const other = await lab.world.venv();
    writeFileSync(join(other.dir, 'pip.conf'), `[global]\nindex-url = ${lab.world.index.url}\n`);
    expect(await add(worker, ['--python', other.dir, 'ash==1.0'], { env: { PIP_TARGET: join(lab.world.root, 'elsewhere') } })).toMatchObject({ code: 0 });
    expect(existsSync(join(lab.world.root, 'elsewhere'))).toBe(false);
    const served = await withoutIndex(() => worker.pip(other, ['install', 'ash==1.0']));
    expect(served).toMatchObject({ code: 0, stdout: expect.stringContaining('(cached)') });
  });

  it('that cannot be had end as pip ends', async () => {
    const worker = lab.world.worker();
    expect(await add(worker, ['no-such==1.0'])).toMatchObject({ code: 1, stderr: expect.stringContaining('No matching distribution') });
    expect(await worker.cached()).toEqual([]);
    expect(readdirSync(join(worker.cache, 'v1/placing'))).toEqual([]);
  });

  it('that are not cached are told', async () => {
    const worker = lab.world.worker({ PKG_CACHE_CACHABLE: '!ash' });
    expect(await add(worker, ['birch==1.0'])).toMatchObject({ code: 1, stdout: expect.stringContaining('1 of 2 packages in the cache'), stderr: expect.stringMatching(/^pkg-cache: not cached: ash==1\.0: not cachable by the rule !ash$/m) });
  });

  it('stay local where the store cannot be reached, which is told', async () => {
    const worker = lab.world.worker({ PKG_CACHE_STORE: join(lab.world.root, 'no-such-store') });
    expect(await add(worker, ['ash==1.0'])).toMatchObject({ code: 1, stdout: expect.stringContaining('1 of 1 package in the cache'), stderr: expect.stringContaining('1 not stored yet') });
  });
});

describe('of npm', () => {
  it.each([
    ['', {}],
    [', which has scripts of its own', { scripts: { postinstall: 'test -e needed.txt', test: 'true' } }],
    [' with workspaces', { workspaces: ['packages/*'] }],
    [' that bundles its dependencies when it is published', { bundleDependencies: ['elm'] }],
  ])('are those of a lockfile%s', async (_name, more) => {
    const project = await lab.project({ dependencies: { elm: '1.0.0' }, ...more }, { 'needed.txt': '', 'packages/a/package.json': '{"name":"a","version":"1.0.0"}' });
    const worker = lab.world.worker();
    expect(await add(worker, ['package-lock.json'], { cwd: project })).toMatchObject({ code: 0, stdout: expect.stringContaining('2 of 2 packages in the cache') });
    expect(existsSync(join(project, 'node_modules'))).toBe(false);
    const served = await lab.withoutRegistry(() => lab.npm(worker, project, ['ci']));
    expect(served).toMatchObject({ code: 0, stdout: expect.stringContaining('pkg-cache: 2 from the cache') });
  });

  it('with the arguments of the npm ci that is to be served', async () => {
    const project = await lab.project({ devDependencies: { elm: '1.0.0' }, dependencies: { oak: '1.0.0' } });
    const worker = lab.world.worker();
    expect(await add(worker, [join(project, 'package-lock.json'), '--', '--omit=dev'])).toMatchObject({ code: 0, stdout: expect.stringContaining('1 of 1 package in') });
    const { stdout } = await lab.withoutRegistry(() => lab.npm(worker, project, ['ci', '--omit=dev']));
    expect(stdout).toContain('pkg-cache: 1 from the cache');
  });

  it('are named, together with some of pip', async () => {
    const worker = lab.world.worker();
    expect(await add(worker, ['npm:elm@1.0.0', 'ash==1.0'])).toMatchObject({ code: 0 });
    expect(await worker.cached()).toEqual(expect.arrayContaining(['ash==1.0', 'elm==1.0.0', 'oak==1.0.0']));
  });
});

it.each([['SIGKILL', 1], ['SIGINT', 0]] as const)('one that is ended by %s leaves %d things, which a clean takes, or the next one', async (signal, count) => {
  const gate = await startGate(lab.world.index.url, ['birch']);
  const worker = lab.world.worker({ PKG_CACHE_CLEAN_LIMIT: '0' }); // else the background process is quicker
  const PATH = [worker.shims, venv.bin, lab.world.box.env['PATH']].join(delimiter);
  const left = (): string[] => ['placing', 'staging', 'trash', 'claims', 'leases'].flatMap((name) => (existsSync(join(worker.cache, 'v1', name)) ? readdirSync(join(worker.cache, 'v1', name)) : []));
  const interrupted = async (): Promise<void> => {
    const adding = start('pkg-cache', ['add', 'ash==1.0', 'birch==1.0'], { ...worker.env, PATH, PIP_INDEX_URL: gate.url });
    await gate.knock();
    process.kill(-adding.pid, signal);
    await adding.ended;
    await worker.settle();
  };
  try {
    await interrupted();
    expect(left()).toHaveLength(count);
    expect((await worker.cli(['clean'])).stdout).toContain(count === 0 ? ': nothing to clean\n' : `: ${count} left over\n`);
    expect(left()).toEqual([]);
    await interrupted();
    expect(await add(worker, ['ash==1.0'])).toMatchObject({ code: 0 });
    expect(left()).toEqual([]);
  } finally {
    await gate.stop();
  }
});

it.each<[string, string[], string]>([
  ['nothing', [], 'nothing to add was named'],
  ['a file that is no requirement', ['requirements.txt'], 'write -r requirements.txt'],
  ['a lockfile without its project', ['package-lock.json'], 'cannot be read'],
  ['a target', ['ash==1.0', '--', '--target=x'], 'elsewhere'],
  ['what is never cached', ['-r', 'no-such-file.txt'], 'not cached'],
])('refuses %s', async (_name, args, why) => {
  const cwd = join(lab.world.root);
  writeFileSync(join(cwd, 'requirements.txt'), '');
  writeFileSync(join(cwd, 'package-lock.json'), '{"lockfileVersion":3,"packages":{"":{}}}');
  expect(await add(lab.world.worker(), args, { cwd })).toMatchObject({ code: 2, stderr: expect.stringContaining(why) });
});
