import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../support/run.ts';
import { NpmLab, removeModules, removeTreeCopies, shelvesOf } from './support/npm-lab.ts';
import { treeOf, type Tree } from './support/tree.ts';
import type { Env, Worker } from './support/worker.ts';

let lab: NpmLab;

const NAMES = Array.from({ length: 30 }, (_, index) => `part-${index}`);
const ALL = Object.fromEntries(NAMES.map((name) => [name, '1.0.0']));

beforeAll(async () => {
  lab = await NpmLab.start();
  for (const name of NAMES) lab.registry.publish({ name, version: '1.0.0', manifest: { bin: 'cli.js' }, files: { 'cli.js': '#!/usr/bin/env node\n', 'lib/inner.js': '' } });
  lab.registry.publish({ name: 'leaf', version: '1.0.0', files: { 'lib/data.js': '1' } });
  lab.registry.publish({ name: 'leaf', version: '2.0.0', files: { 'lib/data.js': '2' }, modes: { 'lib/data.js': 0o744 } });
  for (const name of ['oak', '@scope/elm', 'yew']) lab.registry.publish({ name, version: '1.0.0', manifest: { dependencies: { leaf: '2.0.0' } } });
}, 300_000);

afterAll(() => lab?.stop());

describe('a copy of a whole tree', () => {
  /** A worker that has made a copy of the tree of a project of 30 packages, which it has been seen to use; and the one directory of its shelf. */
  async function prepared(): Promise<{ directory: string; worker: Worker; shelf: string; tree: Tree }> {
    const directory = await lab.project({ dependencies: ALL });
    const { tree } = await lab.reference(directory);
    const worker = await lab.filled(directory, { PKG_CACHE_STORE: undefined });
    expect((await lab.npm(worker, directory, ['ci'])).stdout).toContain('from the cache');
    await worker.settle();
    return { directory, worker, shelf: shelvesOf(worker).trees[0]!, tree };
  }

  it('is renamed into place, over the old tree, and another is made', async () => {
    const { directory, worker, shelf, tree } = await prepared();
    const [copy] = readdirSync(shelf);
    const { ino } = statSync(join(shelf, copy!, 'node_modules/part-7'));
    const counted = async (): Promise<number[]> => (JSON.parse((await worker.cli(['stats', '--json'])).stdout) as { days: { bytes: number }[] }).days.map(({ bytes }) => bytes);
    const [before] = await counted();
    expect((await lab.npm(worker, directory, ['ci'])).stdout).toContain('30 from the cache');
    expect(await counted()).toEqual([2 * before!]);
    expect(statSync(join(directory, 'node_modules/part-7')).ino).toBe(ino);
    expect(treeOf(directory)).toEqual(tree);
    await worker.settle();
    expect(readdirSync(shelf)).toHaveLength(1);
    expect(readdirSync(join(worker.cache, 'v1/trash'))).toEqual([]);
  });

  function reseal(copy: string, from: RegExp, to: string): void {
    const text = readFileSync(join(copy, 'seal.json'), 'utf8');
    expect(text).toMatch(from);
    writeFileSync(join(copy, 'seal.json'), text.replace(from, to));
  }

  it.each([
    ['lost a file', (copy: string) => rmSync(join(copy, 'node_modules/part-3/index.js'))],
    ['was made before the machine was started again', (copy: string) => reseal(copy, /"boot":"[^"]*"/, '"boot":"earlier"')],
    ['has a seal of another form', (copy: string) => reseal(copy, /"form":\d+/, '"form":0')],
    ['is of another tree', (copy: string) => reseal(copy, /"manifest":"[^"]*"/, '"manifest":"0"')],
    ['is two hours old, and lost a file inside of a package', (copy: string) => {
      rmSync(join(copy, 'node_modules/part-3/lib/inner.js'));
      reseal(copy, /"made":\d+/, `"made":${Date.now() - 7_200_000}`);
    }],
    ['is half there', (copy: string) => rmSync(join(copy, 'seal.json'))],
  ])('that %s is not used', async (_, damage) => {
    const { directory, worker, shelf, tree } = await prepared();
    damage(join(shelf, readdirSync(shelf)[0]!));
    expect((await lab.npm(worker, directory, ['ci'])).stdout).toContain('30 from the cache');
    expect(treeOf(directory)).toEqual(tree);
  });
});

describe('copies of packages', () => {
  /** Some packages more than once, and in each other. */
  const FOREST = { ...ALL, leaf: '1.0.0', oak: '1.0.0', '@scope/elm': '1.0.0' };

  /** A worker that knows two projects with much in common, and has made copies for the first; how the real npm installs the second. */
  async function stocked(env: Env = {}): Promise<{ worker: Worker; first: string; second: string; tree: Tree }> {
    const [first, second] = (await Promise.all([FOREST, { ...FOREST, yew: '1.0.0' }].map((dependencies) => lab.project({ dependencies })))) as [string, string];
    const { tree } = await lab.reference(second);
    const worker = await lab.filled(first, { PKG_CACHE_STORE: undefined, ...env });
    expect(await lab.npm(worker, second, ['ci'])).toMatchObject({ code: 0 });
    await worker.settle();
    expect((await lab.npm(worker, first, ['ci'])).stdout).toContain('from the cache');
    await worker.settle();
    for (const project of [first, second]) removeModules(project);
    return { worker, first, second, tree };
  }

  /** The inodes of all copies of packages: what is renamed keeps its own. */
  function inodes(worker: Worker): number[] {
    return shelvesOf(worker).packages.flatMap((shelf) => readdirSync(shelf).map((copy) => statSync(join(shelf, copy)).ino)).sort();
  }

  const LOCATIONS = [...NAMES, 'leaf', 'oak', '@scope/elm', 'oak/node_modules/leaf', '@scope/elm/node_modules/leaf'];

  it('are renamed into a tree that was never served, and made again', async () => {
    const { worker, second, tree } = await stocked();
    const copies = inodes(worker);
    expect(copies).toHaveLength(LOCATIONS.length);
    const { stdout, stderr } = await lab.withoutRegistry(() => lab.npm(worker, second, ['ci']));
    expect({ stdout, stderr }).toEqual({ stdout: expect.stringContaining('35 from the cache') as string, stderr: '' });
    expect(treeOf(second)).toEqual(tree);
    expect(LOCATIONS.map((location) => statSync(join(second, 'node_modules', location)).ino).sort()).toEqual(copies);
    await worker.settle();
    expect(inodes(worker)).toHaveLength(LOCATIONS.length + 2); // yew, and its leaf
  });

  it('are left alone by a tree that is served from a copy of its own', async () => {
    const { worker, first } = await stocked();
    const copies = inodes(worker);
    expect((await lab.npm(worker, first, ['ci'])).stdout).toContain('from the cache');
    await worker.settle();
    expect(inodes(worker)).toEqual(copies);
  });

  it('are shared by several that begin at once', async () => {
    const { worker, first, second, tree } = await stocked();
    removeTreeCopies(worker);
    const outcomes = await Promise.all([first, second].map((project) => lab.npm(worker, project, ['ci'])));
    expect(outcomes.map(({ code, stderr, stdout }) => [code, stderr, stdout.includes('from the cache')])).toEqual([[0, '', true], [0, '', true]]);
    expect(treeOf(second)).toEqual(tree);
    const { tree: expected } = (removeModules(second), await lab.reference(first));
    await worker.settle();
    removeTreeCopies(worker);
    expect((await lab.npm(worker, first, ['ci'])).stdout).toContain('from the cache');
    expect(treeOf(first)).toEqual(expected);
  });

  it.each([
    ['lost a file', (copy: string) => rmSync(join(copy, 'package.json'))],
    ['were emptied', (copy: string) => (rmSync(copy, { recursive: true }), mkdirSync(copy))],
    ['lost a file further down', (copy: string) => rmSync(join(copy, 'lib'), { recursive: true, force: true })],
  ])('that %s are not used', async (_, damage) => {
    const { worker, second, tree } = await stocked();
    for (const shelf of shelvesOf(worker).packages) for (const copy of readdirSync(shelf)) damage(join(shelf, copy));
    expect((await lab.withoutRegistry(() => lab.npm(worker, second, ['ci']))).stdout).toContain('35 from the cache');
    expect(treeOf(second)).toEqual(tree);
  });

  it('are of the umask that they were made for', async () => {
    const { worker, second } = await stocked();
    const withUmask = (env: Env): ReturnType<typeof run> => run('sh', ['-c', 'umask 077; npm ci'], { cwd: second, env });
    expect(await withUmask(lab.environment(lab.world.box.env))).toMatchObject({ code: 0 });
    const tree = treeOf(second);
    for (const round of ['copied', 'renamed']) {
      removeModules(second);
      removeTreeCopies(worker);
      expect({ round, ...(await withUmask(lab.environmentOf(worker))) }).toMatchObject({ round, code: 0, stdout: expect.stringContaining('35 from the cache') as string });
      expect(treeOf(second)).toEqual(tree);
      await worker.settle();
    }
  });

  it.each([{ PKG_CACHE_READY_COPIES: 'off' }, { PKG_CACHE_LINK_MODE: 'hardlink' }])('are not made with %o', async (env) => {
    const { worker, second, tree } = await stocked(env);
    expect(shelvesOf(worker)).toEqual({ trees: [], packages: [] });
    expect((await lab.npm(worker, second, ['ci'])).stdout).toContain('35 from the cache');
    expect(treeOf(second)).toEqual(tree);
  });

  it('go with their packages', async () => {
    const { worker } = await stocked();
    const count = async (): Promise<number> => (JSON.parse((await worker.cli(['status', '--json'])).stdout) as { ready: { copies: number } }).ready.copies;
    expect(await count()).toBe(LOCATIONS.length + 1);
    expect(await worker.cli(['remove', 'leaf', 'npm:oak'])).toMatchObject({ code: 0 });
    expect(await count()).toBe(LOCATIONS.length - 4);
    expect(await worker.cli(['clean', '--all'])).toMatchObject({ code: 0 });
    expect(await count()).toBe(0);
  });
});
