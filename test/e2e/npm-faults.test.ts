import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UNUSABLE, startFaultServer, type Fault } from '../support/fault-server.ts';
import { NpmLab, removeModules, said } from './support/npm-lab.ts';
import { treeOf, type Tree } from './support/tree.ts';
import type { Outcome } from '../support/run.ts';

const NAMES = ['ash', 'birch', 'cedar'];

let lab: NpmLab;
let project: string;
let expected: Tree;
let reference: Outcome;

beforeAll(async () => {
  lab = await NpmLab.start();
  for (const name of NAMES) lab.registry.publish({ name, version: '1.0.0', files: { 'lib/data.js': 'x'.repeat(20_000) } });
  project = await lab.project({ dependencies: Object.fromEntries(NAMES.map((name) => [name, '1.0.0'])) });
  const real = await lab.reference(project);
  expected = real.tree;
  reference = real.outcome;
  await lab.filled(project); // and so the store
}, 180_000);

afterAll(() => lab.stop());

describe('a store that fails costs one line, and then nothing is said of it', () => {
  it.each(UNUSABLE)('%s', async (fault) => {
    const store = await startFaultServer(fault, { upstream: lab.world.s3!.url });
    try {
      const worker = lab.world.worker(store.env);
      removeModules(project);
      const first = await lab.npm(worker, project, ['ci']);
      expect(first).toMatchObject({ code: 0, stderr: expect.stringMatching(/^pkg-cache: .*; going on without it\n$/) });
      expect(first.stderr).not.toContain(store.env['AWS_SECRET_ACCESS_KEY']);
      expect(said(first)).toBe(said(reference));
      expect(treeOf(project)).toEqual(expected);
      const other = await lab.project({ dependencies: { ash: '1.0.0' } });
      expect(await lab.npm(worker, other, ['ci', '--silent'])).toMatchObject({ code: 0, stdout: '', stderr: '' });
    } finally {
      await store.stop();
    }
  });
});

describe('a store that lies is not believed', () => {
  it.each<[Fault, RegExp]>([
    ['flipped-bit', /\/v1\/npm\//],
    ['flipped-bit', /\/archives\//],
    ['flipped-bit', /\/originals\//],
    ['short-length', /\/originals\//],
    ['login-page', /./],
  ])('%s of %s', async (fault, where) => {
    const told: string[] = [];
    const isLie = (path: string): boolean => where.test(path) && told.push(path) > 0;
    const store = await startFaultServer((req) => (req.method === 'GET' && isLie(req.url ?? '') ? fault : 'pass'), { upstream: lab.world.s3!.url });
    try {
      const worker = lab.world.worker(store.env);
      removeModules(project);
      const outcome = await lab.npm(worker, project, ['ci']);
      expect(told).not.toEqual([]);
      expect(outcome).toMatchObject({ code: 0, stderr: expect.stringMatching(/^pkg-cache: .*\n$/) });
      expect(said(outcome)).toBe(said(reference));
      expect(treeOf(project)).toEqual(expected);
      await worker.cli(['flush']); // which says what it could not upload
      removeModules(project);
      const again = await lab.npm(worker, project, ['ci']);
      expect(again).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining('3 from the cache') });
      expect(treeOf(project)).toEqual(expected);
    } finally {
      await store.stop();
    }
  });
});

describe('a cache that', () => {
  async function works(env: Readonly<Record<string, string>>): Promise<void> {
    removeModules(project);
    const npm_config_cache = join(lab.world.root, 'npm-cache');
    const outcome = await lab.npm(lab.world.worker({ PKG_CACHE_STORE: undefined, ...env }), project, ['ci'], { npm_config_cache });
    expect(outcome).toMatchObject({ code: 0, stderr: expect.stringMatching(/^(pkg-cache: .*\n)?$/) });
    expect(said(outcome)).toBe(said(reference));
    expect(treeOf(project)).toEqual(expected);
  }

  it('cannot be made is done without', async () => {
    const file = join(lab.world.root, 'a-file');
    writeFileSync(file, '');
    await works({ PKG_CACHE_DIR: join(file, 'cache') });
  });

  it.skipIf(process.getuid?.() === 0)('cannot be written is done without (root can write everywhere)', async () => {
    const directory = join(lab.world.root, 'read-only');
    mkdirSync(directory);
    chmodSync(directory, 0o555);
    await works({ PKG_CACHE_DIR: directory });
  });

  it('has entries that were cut short by a full disk is put right', async () => {
    const worker = await lab.filled(project, { PKG_CACHE_STORE: undefined });
    const entries = join(worker.cache, 'v1/entries');
    const trees = readdirSync(entries).flatMap((two) => readdirSync(join(entries, two)).map((id) => join(entries, two, id)));
    const cut = trees.find((dir) => existsSync(join(dir, 'tree/lib/data.js')))!;
    writeFileSync(join(cut, 'tree/lib/data.js'), 'x'.repeat(100));
    const outcome = await lab.npm(worker, project, ['ci']);
    expect({ code: outcome.code, stderr: outcome.stderr, said: said(outcome) }).toEqual({ code: 0, stderr: '', said: said(reference) });
    expect(treeOf(project)).toEqual(expected);
    await worker.settle();
    rmSync(join(project, 'node_modules'), { recursive: true });
  });
});

/** Has Node run this before anything else: in a process that is to become npm, and is told what to do there by the file `plan`. */
function preload(name: string, code: string): Record<string, string> {
  const file = join(lab.world.root, `${name}.cjs`);
  writeFileSync(file, `const [, , mode, plan] = process.argv; if (mode === 'npm-inside') { ${code} }`);
  return { NODE_OPTIONS: `--require=${file}` };
}

describe('an npm whose plan', () => {
  it.each([
    ['is gone', `require('fs').unlinkSync(plan)`],
    ['is half there', `require('fs').truncateSync(plan, 10)`],
  ])('%s is the real npm', async (title, code) => {
    removeModules(project);
    const seen = join(lab.world.root, `${title}.seen`);
    const env = preload(title.replaceAll(' ', '-'), `${code}; require('fs').writeFileSync(${JSON.stringify(seen)}, '');`);
    const outcome = await lab.npm(lab.world.worker({ PKG_CACHE_STORE: undefined }), project, ['ci'], env);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(said(outcome)).toBe(said(reference));
    expect(treeOf(project)).toEqual(expected);
    expect(existsSync(seen)).toBe(true);
  });
});
