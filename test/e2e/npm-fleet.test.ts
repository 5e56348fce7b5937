import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';
import { NpmLab, said } from './support/npm-lab.ts';
import { until } from './support/offline.ts';
import { treeOf } from './support/tree.ts';

let lab: NpmLab;

/** What the install script of `slow`, which builds something, leaves for each time that it has run. */
let ran: string;

beforeAll(async () => {
  lab = await NpmLab.start();
  ran = join(lab.world.root, 'ran');
  lab.registry.publish({ name: 'leaf', version: '1.0.0', files: { 'lib/deep/leaf.js': '1\n', 'large.hex': randomBytes(200_000).toString('hex') } });
  lab.registry.publish({ name: '@scope/branch', version: '1.2.3', manifest: { dependencies: { leaf: '^1.0.0' }, bin: { branch: 'cli.js' } }, files: { 'cli.js': '#!/usr/bin/env node\n' } });
  lab.registry.publish({ name: 'slow', version: '1.0.0', manifest: { scripts: { install: `sleep 8 && echo built > built.txt && echo ran >> ${ran}` } } });
}, 300_000);

afterAll(() => lab.stop());

it('a worker that has warmed up serves npm ci without the registry and without the store', async () => {
  const directory = await lab.project({ dependencies: { '@scope/branch': '1.2.3' } });
  const { outcome, tree } = await lab.reference(directory);
  const first = await lab.filled(directory);
  expect(await first.cli(['snapshot', '--now'])).toMatchObject({ code: 0, stdout: expect.stringContaining(': 3 entries, ') as string });

  const second = lab.world.worker();
  expect(await second.cli(['warm'])).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining(': 3 entries, ') as string });
  const hit = await lab.withoutRegistry(() => lab.npm(second, directory, ['ci'], { PKG_CACHE_STORE: undefined }));
  expect(hit).toMatchObject({ code: 0, stderr: outcome.stderr });
  expect(hit.stdout).toContain('from the cache');
  expect(said(hit)).toBe(said(outcome));
  expect(treeOf(directory)).toEqual(tree);
});

it('of two workers that run the same npm ci one does it, and the other takes what it made from the store', async () => {
  const [one, two] = [await lab.project({ dependencies: { slow: '1.0.0' } }), await lab.project({ dependencies: { slow: '1.0.0' } })];
  const signs = async (): Promise<string[]> => {
    const store = await openStore(lab.world.store!, { env: lab.world.s3!.env, circuit: memoryCircuit() });
    try {
      return (await store.list('v1/flights/')).objects.map(({ key }) => key);
    } finally {
      store.close();
    }
  };
  const installing = lab.npm(lab.world.worker(), one, ['ci']);
  await until(async () => (await signs()).length > 0);
  const other = await lab.npm(lab.world.worker(), two, ['ci']);
  expect(await installing).toMatchObject({ code: 0 });
  expect(other).toMatchObject({ code: 0 });
  expect(other.stdout).toContain('store');
  expect(readFileSync(ran, 'utf8')).toBe('ran\n');
  expect(existsSync(join(two, 'node_modules/slow/package.json'))).toBe(true);
});
