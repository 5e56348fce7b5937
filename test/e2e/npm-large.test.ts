import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, readdirSync, rmSync, statSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entryId } from '../../src/cache/entry.ts';
import { LocalCache } from '../../src/cache/local.ts';
import { packageKey } from '../../src/npm/entry.ts';
import { run } from '../support/run.ts';
import { NpmLab, removeModules, said } from './support/npm-lab.ts';
import { treeOf, type Tree } from './support/tree.ts';
import type { Worker } from './support/worker.ts';

/** So many that a thread helps to place them (npm/helper.ts). */
const NAMES = Array.from({ length: 320 }, (_, i) => (i % 5 === 0 ? `@scope-${i % 3}/part-${i}` : `part-${i}`));

let lab: NpmLab;
let project: string;
let expected: Tree;
let worker: Worker;

beforeAll(async () => {
  lab = await NpmLab.start();
  lab.registry.publish({ name: 'leaf', version: '1.0.0', files: { 'data.js': '1' } });
  lab.registry.publish({ name: 'leaf', version: '2.0.0', files: { 'lib/data.js': '2' } });
  for (const [i, name] of NAMES.entries()) lab.registry.publish({ name, version: '1.0.0', manifest: { bin: { [`bin-${i}`]: 'cli.js' }, dependencies: { leaf: i % 40 === 0 ? '2.0.0' : '1.0.0' } }, files: { 'cli.js': '#!/usr/bin/env node\n', 'lib/deep/data.js': name } });
  project = await lab.project({ dependencies: { leaf: '1.0.0', ...Object.fromEntries(NAMES.map((name) => [name, '1.0.0'])) } });
  expected = (await lab.reference(project)).tree;
  worker = await lab.filled(project, { PKG_CACHE_READY_COPIES: 'off' });
  const manifests = readdirSync(join(worker.cache, 'v1/entries'), { recursive: true }).filter((path) => String(path).endsWith('/entry.json'));
  expect(Math.max(...manifests.map((path) => statSync(join(worker.cache, 'v1/entries', String(path))).size))).toBeGreaterThan(40_000);
}, 300_000);

afterAll(() => lab?.stop());

describe('a tree of many packages', () => {
  it.each(['private', 'hardlink'])('is served from the cache, %s', async (mode) => {
    for (const time of ['no node_modules', 'an old one']) {
      const hit = await lab.withoutRegistry(() => lab.npm(worker, project, ['ci'], { PKG_CACHE_LINK_MODE: mode }));
      expect({ time, ...hit }).toMatchObject({ time, code: 0, stderr: '', stdout: expect.stringContaining('322 from the cache') as string });
      expect(treeOf(project)).toEqual(expected);
    }
  });

  it('is served under another umask as npm would leave it', async () => {
    removeModules(project);
    const real = await run('sh', ['-c', 'umask 077; npm ci'], { cwd: project, env: lab.environment(lab.world.box.env) });
    expect(real).toMatchObject({ code: 0 });
    const tree = treeOf(project);
    removeModules(project);
    expect(await run('sh', ['-c', 'umask 077; npm ci'], { cwd: project, env: lab.environmentOf(worker) })).toMatchObject({ code: 0, stdout: expect.stringContaining('322 from the cache') as string });
    expect(treeOf(project)).toEqual(tree);
  });

  it('of which a thread cannot be started is served all the same', async () => {
    const app = dirname(/^pkgc_app='(.*)'$/m.exec(readFileSync(join(worker.shims, 'npm'), 'utf8'))![1]!);
    const broken = join(lab.world.root, 'app-without-thread');
    cpSync(app, broken, { recursive: true });
    for (const name of ['place.js', 'place.jsc']) rmSync(join(broken, name));
    const real = execFileSync('sh', ['-c', 'command -v npm'], { env: lab.world.box.env, encoding: 'utf8' }).trim();
    removeModules(project);
    const command = ['-c', 'exec "$@" 3>&1', 'sh', process.execPath, join(broken, 'main.cjs'), 'npm', real, 'ci'];
    expect(await run('sh', command, { cwd: project, env: lab.environmentOf(worker) })).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/322 from the cache\n[^]*exit 0\n$/) });
    expect(treeOf(project)).toEqual(expected);
  });

  it("of which one is damaged is npm's, which fetches that one", async () => {
    const { integrity } = (JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')) as { packages: Record<string, { integrity: string }> }).packages['node_modules/part-317']!;
    const damaged = new LocalCache(worker.cache).entryDir(entryId(packageKey('part-317', '1.0.0', integrity)));
    truncateSync(join(damaged, 'tree/cli.js'));
    removeModules(project);
    const outcome = await lab.npm(worker, project, ['ci']);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(said(outcome)).toContain('added 329 packages');
    expect(treeOf(project)).toEqual(expected);
    expect(readdirSync(join(worker.cache, 'v1/stalled'))).toHaveLength(1);
    expect(readdirSync(project).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});
