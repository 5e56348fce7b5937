import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startFaultServer } from '../support/fault-server.ts';
import { NpmLab, removeModules } from './support/npm-lab.ts';
import { treeOf, type Tree } from './support/tree.ts';

const MANY = 16;

/** 16 real npms want a while on a small machine; in milliseconds. */
const LONG = 300_000;
const NAMES = Array.from({ length: 24 }, (_, i) => `part-${i}`);

let lab: NpmLab;
let project: string;
let expected: Tree;

beforeAll(async () => {
  lab = await NpmLab.start();
  for (const name of NAMES) lab.registry.publish({ name, version: '1.0.0', manifest: { bin: 'cli.js' }, files: { 'cli.js': '#!/usr/bin/env node\n', 'lib/data.js': 'x'.repeat(20_000) } });
  project = await lab.project({ dependencies: Object.fromEntries(NAMES.map((name) => [name, '1.0.0'])) });
  expected = (await lab.reference(project)).tree;
}, LONG);

afterAll(() => lab.stop());

/** Copies of the project: the same to npm, because nothing in it says where it lies. */
function checkouts(name: string): string[] {
  return Array.from({ length: MANY }, (_, i) => {
    const directory = join(lab.world.root, `${name}-${i}`);
    cpSync(project, directory, { recursive: true });
    return directory;
  });
}

it('many at once on an empty cache: each is right, and each package is cached and stored once', async () => {
  const worker = lab.world.worker();
  const all = checkouts('empty');
  const outcomes = await Promise.all(all.map((directory) => lab.npm(worker, directory, ['ci'])));
  expect(outcomes.map(({ code, stderr }) => ({ code, stderr }))).toEqual(all.map(() => ({ code: 0, stderr: '' })));
  for (const directory of all) expect(treeOf(directory)).toEqual(expected);
  await worker.settle();
  const log = worker.log();
  for (const name of NAMES) {
    expect(log.filter((line) => line.startsWith(`cached ${name}@1.0.0`))).toHaveLength(1);
    expect(log.filter((line) => line === `uploaded ${name}@1.0.0`)).toHaveLength(1);
  }
  expect((await worker.rows()).map(({ status }) => status)).toEqual([...NAMES, 'the tree'].map(() => 'cached'));
}, LONG);

it('many at once on a full store, without a registry: each is right, and no tarball is fetched twice', async () => {
  await lab.filled(project);
  const proxy = await startFaultServer('pass', { upstream: lab.world.s3!.url });
  try {
    const worker = lab.world.worker(proxy.env);
    const all = checkouts('full');
    const outcomes = await Promise.all(all.map((directory) => lab.npm(worker, directory, ['ci'])));
    expect(outcomes.map(({ code }) => code)).toEqual(all.map(() => 0));
    // On a machine so busy that an answer takes seconds, a store counts as slow, and npm helps.
    for (const { stderr } of outcomes) expect(stderr).toMatch(/^(pkg-cache: .*no answer in time.*; going on without it\n)?$/);
    for (const directory of all) expect(treeOf(directory)).toEqual(expected);
    const fetched = proxy.log.filter(({ method, path }) => method === 'GET' && /\/(?:archives|originals)\//.test(path)).map(({ path }) => path.split('?')[0]);
    expect(fetched.length).toBeGreaterThan(0);
    expect(fetched).toHaveLength(new Set(fetched).size);
  } finally {
    await proxy.stop();
  }
}, LONG);

it('one project several times at once: it is as after one of them', async () => {
  const worker = await lab.filled(project);
  for (const state of ['absent', 'there']) {
    const outcomes = await lab.withoutRegistry(() => Promise.all(Array.from({ length: 4 }, () => lab.npm(worker, project, ['ci']))));
    expect({ state, codes: outcomes.map(({ code }) => code) }).toEqual({ state, codes: [0, 0, 0, 0] });
    expect(treeOf(project)).toEqual(expected);
  }
  removeModules(project);
}, LONG);

it('several projects at once share what they have in common', async () => {
  const halves = await Promise.all([NAMES.slice(0, 16), NAMES.slice(8)].map((names) => lab.project({ dependencies: Object.fromEntries(names.map((name) => [name, '1.0.0'])) })));
  const trees: Tree[] = [];
  for (const directory of halves) trees.push((await lab.reference(directory)).tree);
  const worker = lab.world.worker({ PKG_CACHE_STORE: undefined });
  expect((await Promise.all(halves.map((directory) => lab.npm(worker, directory, ['ci'])))).map(({ code }) => code)).toEqual([0, 0]);
  await worker.settle();
  halves.forEach((directory, i) => expect(treeOf(directory)).toEqual(trees[i]));
  const rows = await worker.rows();
  expect(rows.filter(({ package: name }) => name.startsWith('part-')).map(({ package: name }) => name).sort()).toEqual([...NAMES].sort());
}, LONG);
