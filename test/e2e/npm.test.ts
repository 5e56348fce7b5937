import { chmodSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, type Outcome } from '../support/run.ts';
import { NpmLab, removeModules, said } from './support/npm-lab.ts';
import { treeOf } from './support/tree.ts';
import type { Env } from './support/worker.ts';
import { remove } from './support/world.ts';

let lab: NpmLab;

const PROJECT = { dependencies: { trunk: '3.0.0' }, devDependencies: { tool: '1.0.0' } };

beforeAll(async () => {
  lab = await NpmLab.start();
  const { registry } = lab;
  registry.publish({ name: 'leaf', version: '1.0.0', files: { 'lib/deep/leaf.js': '1\n', '.gitignore': 'x\n' } });
  registry.publish({ name: 'leaf', version: '2.0.0', manifest: { deprecated: 'use a tree', funding: 'https://example.com/leaf', engines: { node: '>=99', npm: '*' } } });
  registry.publish({ name: '@scope/branch', version: '1.2.3', manifest: { dependencies: { leaf: '^1.0.0' }, bin: { branch: 'cli.js' } }, files: { 'cli.js': '#!/usr/bin/env node\n' } });
  registry.publish({ name: 'trunk', version: '3.0.0', manifest: { dependencies: { leaf: '^2.0.0', '@scope/branch': '1.2.3' }, bin: 'run.sh', optionalDependencies: { elsewhere: '1.0.0' } }, files: { 'run.sh': '#!/bin/sh\n' } });
  registry.publish({ name: 'elsewhere', version: '1.0.0', manifest: { os: ['aix'] } });
  registry.publish({ name: 'tool', version: '1.0.0' });
}, 300_000);

afterAll(() => lab.stop());

describe('npm ci', () => {
  it('is served from the local cache, without a registry, and leaves what npm leaves', async () => {
    const directory = await lab.project(PROJECT);
    const { outcome, tree } = await lab.reference(directory);
    const worker = await lab.filled(directory);
    const hit = await lab.withoutRegistry(() => lab.npm(worker, directory, ['ci']));
    expect(hit).toMatchObject({ code: 0, stderr: outcome.stderr });
    expect(hit.stdout).toContain('from the cache');
    expect(said(hit)).toBe(said(outcome));
    expect(treeOf(directory)).toEqual(tree);
    expect(Object.keys(tree)).toContain('node_modules/@scope/branch/node_modules/leaf/.npmignore');
  });

  it('is cached, too, when it runs in the background of a script, where signals are ignored', async () => {
    const directory = await lab.project({ ...PROJECT, description: 'in the background' });
    const worker = lab.world.worker();
    expect(await run('sh', ['-c', "trap '' HUP INT; exec npm ci"], { cwd: directory, env: lab.environmentOf(worker) })).toMatchObject({ code: 0 });
    await worker.settle();
    removeModules(directory);
    expect((await lab.withoutRegistry(() => lab.npm(worker, directory, ['ci']))).stdout).toContain('from the cache');
  });

  it('is noted with what npm took for all of it', async () => {
    const worker = await lab.filled(await lab.project({ dependencies: { leaf: '1.0.0' }, description: 'noted' }), { PKG_CACHE_STORE: undefined });
    const stats = join(worker.cache, 'v1/state/stats');
    const lines = readdirSync(stats).flatMap((day) => readFileSync(join(stats, day), 'utf8').trim().split('\n'));
    const records = lines.map((line) => JSON.parse(line) as { took?: true; ids: string[] });
    expect(records.filter(({ took }) => took).map(({ ids }) => ids.length)).toEqual([1]);
  });

  it('is believed by npm afterwards', async () => {
    const directory = await lab.project(PROJECT);
    const worker = await lab.filled(directory);
    await lab.npm(worker, directory, ['ci']);
    const before = treeOf(directory);
    expect(await lab.realNpm(directory, ['ls', '--all'])).toMatchObject({ code: 0, stderr: '' });
    for (const args of [['install'], ['prune'], ['dedupe']]) expect((await lab.realNpm(directory, args)).stdout).toMatch(/^\nup to date/);
    expect(treeOf(directory)).toEqual(before);
  });

  it('empties node_modules, which stays itself', async () => {
    const directory = await lab.project(PROJECT);
    const { tree } = await lab.reference(directory);
    const worker = await lab.filled(directory);
    mkdirSync(join(directory, 'node_modules/leaf/old'), { recursive: true });
    writeFileSync(join(directory, 'node_modules/.mark'), '');
    expect((await lab.npm(worker, directory, ['ci'])).stdout).toContain('from the cache');
    expect(treeOf(directory)).toEqual(tree);
  });

  it('serves workspaces, their links and what lies in them', async () => {
    const files = { 'packages/one/package.json': JSON.stringify({ name: 'one', version: '1.0.0', bin: 'cli.js', dependencies: { leaf: '1.0.0' } }), 'packages/one/cli.js': '#!/usr/bin/env node\n' };
    const directory = await lab.project({ workspaces: ['packages/*'], dependencies: { leaf: '2.0.0' } }, files);
    const { outcome, tree } = await lab.reference(directory);
    chmodSync(join(directory, 'packages/one/cli.js'), 0o644);
    const worker = await lab.filled(directory);
    chmodSync(join(directory, 'packages/one/cli.js'), 0o644);
    const hit = await lab.npm(worker, directory, ['ci']);
    expect(hit.stdout).toContain('from the cache');
    expect(said(hit)).toBe(said(outcome));
    expect(treeOf(directory)).toEqual(tree);
  });

  it('leaves it to npm to change the first line of a workspace\'s bin, as long as it has CR LF', async () => {
    const manifest = JSON.stringify({ name: 'one', version: '1.0.0', bin: 'cli.js' });
    const directory = await lab.project({ workspaces: ['packages/*'], dependencies: { leaf: '2.0.0' }, description: 'CR LF' }, { 'packages/one/package.json': manifest });
    const checkOut = (): void => writeFileSync(join(directory, 'packages/one/cli.js'), '#!/usr/bin/env node\r\n');
    checkOut();
    const { tree } = await lab.reference(directory);
    const worker = await lab.filled(directory);
    expect((await lab.npm(worker, directory, ['ci'])).stdout).toContain('from the cache');
    expect(treeOf(directory)).toEqual(tree);
    for (const prepare of [checkOut, () => (checkOut(), removeModules(directory))]) {
      prepare();
      expect(await lab.npm(worker, directory, ['ci'])).toMatchObject({ code: 0 });
      expect(treeOf(directory)).toEqual(tree);
    }
  });

  it.each(['022', '077', '002'])('has the modes of umask %s', async (umask) => {
    const directory = await lab.project(PROJECT);
    const worker = await lab.filled(directory);
    const under = (command: string, env: Env): Promise<Outcome> => run('sh', ['-c', `umask ${umask}; exec ${command}`], { cwd: directory, env });
    expect(await under('npm ci', lab.environment(lab.world.box.env))).toMatchObject({ code: 0 });
    const expected = treeOf(join(directory, 'node_modules'));
    removeModules(directory);
    const PATH = [worker.shims, lab.world.box.env['PATH']].join(':');
    expect((await under('npm ci', { ...lab.environment(worker.env), npm_config_cache: `${worker.cache}.npm`, PATH })).stdout).toContain('from the cache');
    expect(treeOf(join(directory, 'node_modules'))).toEqual(expected);
  });

  it("has the modes of npm's own umask, which is not for all that npm makes", async () => {
    const directory = await lab.project({ ...PROJECT, description: 'umask' });
    const env = { npm_config_umask: '077' };
    expect(await lab.realNpm(directory, ['ci'], env)).toMatchObject({ code: 0 });
    const expected = treeOf(join(directory, 'node_modules'));
    removeModules(directory);
    const worker = await lab.filled(directory, env);
    expect((await lab.npm(worker, directory, ['ci'], env)).stdout).toContain('from the cache');
    expect(treeOf(join(directory, 'node_modules'))).toEqual(expected);
  });

  it('is served from the store on another worker, without a registry', async () => {
    const directory = await lab.project(PROJECT);
    const { tree } = await lab.reference(directory);
    await lab.filled(directory);
    const second = lab.world.worker();
    const hit = await lab.withoutRegistry(() => lab.npm(second, directory, ['ci']));
    expect(hit).toMatchObject({ code: 0 });
    expect(hit.stdout).toContain('5 from the store');
    expect(treeOf(directory)).toEqual(tree);
  });

  it.each([['--omit=dev'], ['--no-bin-links'], ['--ignore-scripts']])('has trees of its own for %s', async (option) => {
    const directory = await lab.project(PROJECT);
    const worker = await lab.filled(directory);
    const { tree } = await lab.reference(directory, ['ci', option]);
    expect((await lab.npm(worker, directory, ['ci', option])).code).toBe(0);
    await worker.settle();
    removeModules(directory);
    expect((await lab.npm(worker, directory, ['ci', option])).stdout).toContain('from the cache');
    expect(treeOf(directory)).toEqual(tree);
  });
});

describe('what is not all there', () => {
  it('is installed by npm, which only fetches what is missing', async () => {
    const directory = await lab.project(PROJECT);
    const { tree } = await lab.reference(directory);
    const worker = await lab.filled(directory, { PKG_CACHE_STORE: undefined });
    const [row] = (await worker.rows()).filter((each) => each.package === 'trunk');
    remove(row!.path);
    lab.registry.requests.length = 0;
    expect(await lab.npm(worker, directory, ['ci'])).toMatchObject({ code: 0 });
    expect(lab.registry.requests.filter((path) => path.endsWith('.tgz'))).toEqual(['trunk/-/trunk-3.0.0.tgz']);
    expect(treeOf(directory)).toEqual(tree);
    await worker.settle();
    expect((await lab.withoutRegistry(() => lab.npm(worker, directory, ['ci']))).stdout).toContain('from the cache');
  });

  it('a damaged entry is a miss, and is put right', async () => {
    const directory = await lab.project(PROJECT);
    const { tree } = await lab.reference(directory);
    const worker = await lab.filled(directory, { PKG_CACHE_STORE: undefined });
    const [row] = (await worker.rows()).filter((each) => each.package === 'tool');
    rmSync(join(row!.path, 'tree/index.js'));
    expect(await lab.npm(worker, directory, ['ci'])).toMatchObject({ code: 0, stderr: expect.not.stringContaining('pkg-cache') });
    expect(treeOf(directory)).toEqual(tree);
    await worker.settle();
    expect((await lab.withoutRegistry(() => lab.npm(worker, directory, ['ci']))).stdout).toContain('from the cache');
    expect(treeOf(directory)).toEqual(tree);
  });
});

describe('what is left to npm', () => {
  it('a lockfile that is out of sync: the same words, the same status', async () => {
    const directory = await lab.project(PROJECT);
    const worker = await lab.filled(directory);
    const path = join(directory, 'package.json');
    writeFileSync(path, readFileSync(path, 'utf8').replace('"3.0.0"', '"^4.0.0"'));
    const expected = await lab.realNpm(directory, ['ci']);
    const { code, stderr } = await lab.npm(worker, directory, ['ci']);
    const plain = (text: string): string => text.replace(/^npm error A complete log.*\n/m, '');
    expect({ code, stderr: plain(stderr) }).toEqual({ code: expected.code, stderr: plain(expected.stderr) });
    expect(code).toBe(1);
  });

  it('npm install of packages, which are cached all the same', async () => {
    const directory = await lab.project({});
    const worker = lab.world.worker();
    expect(await lab.npm(worker, directory, ['install', 'tool@1.0.0'])).toMatchObject({ code: 0 });
    await worker.settle();
    expect(await worker.cached()).toEqual(['tool==1.0.0']);
  });

  it('an npm behind a wrapper, without a word', async () => {
    const directory = await lab.project(PROJECT);
    const worker = await lab.filled(directory);
    const wrapper = join(lab.world.root, 'wrapper');
    mkdirSync(wrapper, { recursive: true });
    writeFileSync(join(wrapper, 'npm'), '#!/bin/sh\nexec /usr/bin/env -u NOTHING npm "$@"\n', { mode: 0o755 });
    const { outcome } = await lab.reference(directory);
    const PATH = [worker.shims, wrapper, lab.world.box.env['PATH']].join(':');
    const left = await lab.npm(worker, directory, ['ci'], { PATH });
    expect(left).toMatchObject({ code: 0, stderr: outcome.stderr });
  });

  it('everything, with --no-pkg-caching or PKG_CACHE=off', async () => {
    const directory = await lab.project(PROJECT);
    const worker = await lab.filled(directory);
    expect((await lab.npm(worker, directory, ['ci', '--no-pkg-caching'])).stdout).not.toContain('pkg-cache');
    expect((await lab.npm(worker, directory, ['ci'], { PKG_CACHE: 'off' })).stdout).not.toContain('pkg-cache');
    expect(await lab.npm(worker, directory, ['run', 'nothing'])).toMatchObject({ code: 1 });
    expect((await lab.npm(worker, directory, ['--version'])).stdout).toBe((await lab.realNpm(directory, ['--version'])).stdout);
  });
});

it('npm install in sync, without node_modules, is served as well', async () => {
  const directory = await lab.project(PROJECT);
  const { outcome, tree } = await lab.reference(directory, ['install']);
  const worker = lab.world.worker();
  expect(await lab.npm(worker, directory, ['install'])).toMatchObject({ code: 0 });
  await worker.settle();
  removeModules(directory);
  const hit = await lab.withoutRegistry(() => lab.npm(worker, directory, ['i']));
  expect(hit.stdout).toContain('from the cache');
  expect(said(hit)).toBe(said(outcome));
  expect(treeOf(directory)).toEqual(tree);
});

it('8 at once on an empty cache all get the same tree', async () => {
  const directory = await lab.project(PROJECT);
  const { tree } = await lab.reference(directory);
  const worker = lab.world.worker();
  const copies = Array.from({ length: 8 }, (_, index) => {
    const copy = `${directory}-copy-${index}`;
    mkdirSync(copy);
    for (const name of ['package.json', 'package-lock.json']) writeFileSync(join(copy, name), readFileSync(join(directory, name)));
    return copy;
  });
  const outcomes = await Promise.all(copies.map((copy) => lab.npm(worker, copy, ['ci'])));
  expect(outcomes.map(({ code }) => code)).toEqual(copies.map(() => 0));
  for (const copy of copies) expect(treeOf(copy)).toEqual(tree);
  await worker.settle();
  renameSync(join(copies[0]!, 'node_modules'), join(copies[0]!, 'old'));
  expect((await lab.npm(worker, copies[0]!, ['ci'])).stdout).toContain('from the cache');
});
