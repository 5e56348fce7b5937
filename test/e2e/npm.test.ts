import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNpmRegistry, type NpmRegistry } from '../support/npm-registry.ts';
import { run, type Outcome } from '../support/run.ts';
import { treeOf, type Tree } from './support/tree.ts';
import type { Env, Worker } from './support/worker.ts';
import { remove, startWorld, type World } from './support/world.ts';

let world: World;
let registry: NpmRegistry;
let made = 0;

beforeAll(async () => {
  world = await startWorld({ store: true });
  registry = await startNpmRegistry();
  registry.publish({ name: 'leaf', version: '1.0.0', files: { 'lib/deep/leaf.js': '1\n', '.gitignore': 'x\n' } });
  registry.publish({ name: 'leaf', version: '2.0.0', manifest: { deprecated: 'use a tree', funding: 'https://example.com/leaf', engines: { node: '>=99', npm: '*' } } });
  registry.publish({ name: '@scope/branch', version: '1.2.3', manifest: { dependencies: { leaf: '^1.0.0' }, bin: { branch: 'cli.js' } }, files: { 'cli.js': '#!/usr/bin/env node\n' } });
  registry.publish({ name: 'trunk', version: '3.0.0', manifest: { dependencies: { leaf: '^2.0.0', '@scope/branch': '1.2.3' }, bin: 'run.sh', optionalDependencies: { elsewhere: '1.0.0' } }, files: { 'run.sh': '#!/bin/sh\n' } });
  registry.publish({ name: 'elsewhere', version: '1.0.0', manifest: { os: ['aix'] } });
  registry.publish({ name: 'tool', version: '1.0.0' });
  registry.publish({ name: 'builds', version: '1.0.0', manifest: { scripts: { postinstall: 'node -e "require(\'fs\').writeFileSync(\'built\', \'\')"' } } });
}, 300_000);

afterAll(async () => {
  await registry.down();
  await world.stop();
});

/** A project with a lockfile that the real npm has made. */
async function project(manifest: object = { dependencies: { trunk: '3.0.0' }, devDependencies: { tool: '1.0.0' } }, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const directory = join(world.root, `project-${made++}`);
  for (const [path, text] of Object.entries({ 'package.json': JSON.stringify({ name: 'project', version: '1.0.0', ...manifest }), ...files })) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  expect(await realNpm(directory, ['install', '--package-lock-only'])).toMatchObject({ code: 0 });
  return directory;
}

const SETTINGS = { npm_config_audit: 'false', npm_config_update_notifier: 'false', npm_config_fetch_retries: '0' };

function environment(env: Env): Env {
  return { ...env, ...SETTINGS, npm_config_registry: registry.url, npm_config_cache: join(env['PKG_CACHE_DIR'] ?? world.root, '../npm-cache') };
}

function realNpm(cwd: string, args: readonly string[]): Promise<Outcome> {
  return run('npm', args, { cwd, env: environment(world.box.env) });
}

/** `npm ARG…` through the shim; the worker's npm has a cache of its own. */
function npm(worker: Worker, cwd: string, args: readonly string[], more: Env = {}): Promise<Outcome> {
  const PATH = [worker.shims, world.box.env['PATH']].join(':');
  return run('npm', args, { cwd, env: { ...environment(worker.env), npm_config_cache: `${worker.cache}.npm`, PATH, ...more } });
}

/** The tree that the real npm makes of a project, which is left without it. */
async function reference(directory: string, args: readonly string[] = ['ci']): Promise<{ outcome: Outcome; tree: Tree }> {
  const outcome = await realNpm(directory, args);
  expect(outcome).toMatchObject({ code: 0 });
  const tree = treeOf(directory);
  removeModules(directory);
  return { outcome, tree };
}

function removeModules(directory: string): void {
  remove(join(directory, 'node_modules'));
  for (const name of existsSync(join(directory, 'packages')) ? readdirSync(join(directory, 'packages')) : []) remove(join(directory, 'packages', name, 'node_modules'));
}

/** A worker that has seen an install of the project. */
async function filled(directory: string, env: Env = {}): Promise<Worker> {
  const worker = world.worker(env);
  expect(await npm(worker, directory, ['ci'])).toMatchObject({ code: 0 });
  await worker.settle();
  removeModules(directory);
  rmSync(`${worker.cache}.npm`, { recursive: true, force: true });
  return worker;
}

async function withoutRegistry<T>(action: () => Promise<T>): Promise<T> {
  await registry.down();
  try {
    return await action();
  } finally {
    await registry.up();
  }
}

/** What npm says, without the time that it took, and without our line. */
function said({ stdout }: Outcome): string {
  return stdout.replace(/ in \d+(ms|s|m)/g, '').replace(/^pkg-cache: .*\n/m, '');
}

describe('npm ci', () => {
  it('is served from the local cache, without a registry, and leaves what npm leaves', async () => {
    const directory = await project();
    const { outcome, tree } = await reference(directory);
    const worker = await filled(directory);
    const hit = await withoutRegistry(() => npm(worker, directory, ['ci']));
    expect(hit).toMatchObject({ code: 0, stderr: outcome.stderr });
    expect(hit.stdout).toContain('from the cache');
    expect(said(hit)).toBe(said(outcome));
    expect(treeOf(directory)).toEqual(tree);
    expect(Object.keys(tree)).toContain('node_modules/@scope/branch/node_modules/leaf/.npmignore');
  });

  it('is believed by npm afterwards', async () => {
    const directory = await project();
    const worker = await filled(directory);
    await npm(worker, directory, ['ci']);
    const before = treeOf(directory);
    expect(await realNpm(directory, ['ls', '--all'])).toMatchObject({ code: 0, stderr: '' });
    for (const args of [['install'], ['prune'], ['dedupe']]) expect((await realNpm(directory, args)).stdout).toMatch(/^\nup to date/);
    expect(treeOf(directory)).toEqual(before);
  });

  it('empties node_modules, which stays itself', async () => {
    const directory = await project();
    const { tree } = await reference(directory);
    const worker = await filled(directory);
    mkdirSync(join(directory, 'node_modules/leaf/old'), { recursive: true });
    writeFileSync(join(directory, 'node_modules/.mark'), '');
    expect((await npm(worker, directory, ['ci'])).stdout).toContain('from the cache');
    expect(treeOf(directory)).toEqual(tree);
  });

  it('serves workspaces, their links and what lies in them', async () => {
    const files = { 'packages/one/package.json': JSON.stringify({ name: 'one', version: '1.0.0', bin: 'cli.js', dependencies: { leaf: '1.0.0' } }), 'packages/one/cli.js': '#!/usr/bin/env node\n' };
    const directory = await project({ workspaces: ['packages/*'], dependencies: { leaf: '2.0.0' } }, files);
    const { outcome, tree } = await reference(directory);
    chmodSync(join(directory, 'packages/one/cli.js'), 0o644);
    const worker = await filled(directory);
    chmodSync(join(directory, 'packages/one/cli.js'), 0o644);
    const hit = await npm(worker, directory, ['ci']);
    expect(hit.stdout).toContain('from the cache');
    expect(said(hit)).toBe(said(outcome));
    expect(treeOf(directory)).toEqual(tree);
  });

  it.each(['022', '077', '002'])('has the modes of umask %s', async (umask) => {
    const directory = await project();
    const worker = await filled(directory);
    const under = (command: string, env: Env): Promise<Outcome> => run('sh', ['-c', `umask ${umask}; exec ${command}`], { cwd: directory, env });
    expect(await under('npm ci', environment(world.box.env))).toMatchObject({ code: 0 });
    const expected = treeOf(join(directory, 'node_modules'));
    removeModules(directory);
    const PATH = [worker.shims, world.box.env['PATH']].join(':');
    expect((await under('npm ci', { ...environment(worker.env), npm_config_cache: `${worker.cache}.npm`, PATH })).stdout).toContain('from the cache');
    expect(treeOf(join(directory, 'node_modules'))).toEqual(expected);
  });

  it('is served from the store on another worker, without a registry', async () => {
    const directory = await project();
    const { tree } = await reference(directory);
    await filled(directory);
    const second = world.worker();
    const hit = await withoutRegistry(() => npm(second, directory, ['ci']));
    expect(hit).toMatchObject({ code: 0 });
    expect(hit.stdout).toContain('5 from the store');
    expect(treeOf(directory)).toEqual(tree);
  });

  it.each([['--omit=dev'], ['--no-bin-links'], ['--ignore-scripts']])('has trees of its own for %s', async (option) => {
    const directory = await project();
    const worker = await filled(directory);
    const { tree } = await reference(directory, ['ci', option]);
    expect((await npm(worker, directory, ['ci', option])).stdout).not.toContain('pkg-cache');
    await worker.settle();
    removeModules(directory);
    expect((await npm(worker, directory, ['ci', option])).stdout).toContain('from the cache');
    expect(treeOf(directory)).toEqual(tree);
  });
});

describe('what is not all there', () => {
  it('is installed by npm, which only fetches what is missing', async () => {
    const directory = await project();
    const { tree } = await reference(directory);
    const worker = await filled(directory, { PKG_CACHE_STORE: undefined });
    const [row] = (await worker.rows()).filter((each) => each.package === 'trunk');
    remove(row!.path);
    registry.requests.length = 0;
    expect(await npm(worker, directory, ['ci'])).toMatchObject({ code: 0 });
    expect(registry.requests.filter((path) => path.endsWith('.tgz'))).toEqual(['trunk/-/trunk-3.0.0.tgz']);
    expect(treeOf(directory)).toEqual(tree);
    await worker.settle();
    expect((await withoutRegistry(() => npm(worker, directory, ['ci']))).stdout).toContain('from the cache');
  });

  it('a damaged entry is a miss, and is put right', async () => {
    const directory = await project();
    const { tree } = await reference(directory);
    const worker = await filled(directory, { PKG_CACHE_STORE: undefined });
    const [row] = (await worker.rows()).filter((each) => each.package === 'tool');
    rmSync(join(row!.path, 'tree/index.js'));
    expect(await npm(worker, directory, ['ci'])).toMatchObject({ code: 0, stderr: expect.not.stringContaining('pkg-cache') });
    expect(treeOf(directory)).toEqual(tree);
    await worker.settle();
    expect((await withoutRegistry(() => npm(worker, directory, ['ci']))).stdout).toContain('from the cache');
    expect(treeOf(directory)).toEqual(tree);
  });
});

describe('what is left to npm', () => {
  it('a lockfile that is out of sync: the same words, the same status', async () => {
    const directory = await project();
    const worker = await filled(directory);
    const path = join(directory, 'package.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"3.0.0"', '"^4.0.0"'));
    const expected = await realNpm(directory, ['ci']);
    const { code, stderr } = await npm(worker, directory, ['ci']);
    const plain = (text: string): string => text.replace(/^npm error A complete log.*\n/m, '');
    expect({ code, stderr: plain(stderr) }).toEqual({ code: expected.code, stderr: plain(expected.stderr) });
    expect(code).toBe(1);
  });

  it('packages with install scripts, and projects with scripts of their own', async () => {
    const directory = await project({ dependencies: { builds: '1.0.0' } });
    const worker = await filled(directory);
    const again = await npm(worker, directory, ['ci']);
    expect(again.stdout).not.toContain('pkg-cache');
    expect(existsSync(join(directory, 'node_modules/builds/built'))).toBe(true);
    const prepared = await project({ dependencies: { tool: '1.0.0' }, scripts: { prepare: 'node -e "require(\'fs\').writeFileSync(\'prepared\', \'\')"' } });
    const other = await filled(prepared);
    rmSync(join(prepared, 'prepared'));
    await npm(other, prepared, ['ci']);
    expect(existsSync(join(prepared, 'prepared'))).toBe(true);
  });

  it('npm install of packages, which are cached all the same', async () => {
    const directory = await project({});
    const worker = world.worker();
    expect(await npm(worker, directory, ['install', 'tool@1.0.0'])).toMatchObject({ code: 0 });
    await worker.settle();
    expect(await worker.cached()).toEqual(['tool==1.0.0']);
  });

  it('an npm behind a wrapper, without a word', async () => {
    const directory = await project();
    const worker = await filled(directory);
    const wrapper = join(world.root, 'wrapper');
    mkdirSync(wrapper, { recursive: true });
    writeFileSync(join(wrapper, 'npm'), '#!/bin/sh\nexec /usr/bin/env -u NOTHING npm "$@"\n', { mode: 0o755 });
    const { outcome } = await reference(directory);
    const PATH = [worker.shims, wrapper, world.box.env['PATH']].join(':');
    const left = await npm(worker, directory, ['ci'], { PATH });
    expect(left).toMatchObject({ code: 0, stderr: outcome.stderr });
  });

  it('everything, with --no-pkg-caching or PKG_CACHE=off', async () => {
    const directory = await project();
    const worker = await filled(directory);
    expect((await npm(worker, directory, ['ci', '--no-pkg-caching'])).stdout).not.toContain('pkg-cache');
    expect((await npm(worker, directory, ['ci'], { PKG_CACHE: 'off' })).stdout).not.toContain('pkg-cache');
    expect(await npm(worker, directory, ['run', 'nothing'])).toMatchObject({ code: 1 });
    expect((await npm(worker, directory, ['--version'])).stdout).toBe((await realNpm(directory, ['--version'])).stdout);
  });
});

it('npm install in sync, without node_modules, is served as well', async () => {
  const directory = await project();
  const { outcome, tree } = await reference(directory, ['install']);
  const worker = world.worker();
  expect(await npm(worker, directory, ['install'])).toMatchObject({ code: 0 });
  await worker.settle();
  removeModules(directory);
  const hit = await withoutRegistry(() => npm(worker, directory, ['i']));
  expect(hit.stdout).toContain('from the cache');
  expect(said(hit)).toBe(said(outcome));
  expect(treeOf(directory)).toEqual(tree);
});

it('8 at once on an empty cache all get the same tree', async () => {
  const directory = await project();
  const { tree } = await reference(directory);
  const worker = world.worker();
  const copies = Array.from({ length: 8 }, (_, index) => {
    const copy = `${directory}-copy-${index}`;
    mkdirSync(copy);
    for (const name of ['package.json', 'package-lock.json']) writeFileSync(join(copy, name), readFileSync(join(directory, name)));
    return copy;
  });
  const outcomes = await Promise.all(copies.map((copy) => npm(worker, copy, ['ci'])));
  expect(outcomes.map(({ code }) => code)).toEqual(copies.map(() => 0));
  for (const copy of copies) expect(treeOf(copy)).toEqual(tree);
  await worker.settle();
  renameSync(join(copies[0]!, 'node_modules'), join(copies[0]!, 'old'));
  expect((await npm(worker, copies[0]!, ['ci'])).stdout).toContain('from the cache');
});
