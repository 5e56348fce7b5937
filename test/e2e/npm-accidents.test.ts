import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeTarball } from '../support/npm-registry.ts';
import { NpmLab, removeModules } from './support/npm-lab.ts';
import { treeOf } from './support/tree.ts';

// What happens to one worker is not what others get: nor does it get it again itself.

let lab: NpmLab;

beforeAll(async () => {
  lab = await NpmLab.start();
  const { registry } = lab;
  registry.publish({ name: 'leaf', version: '1.0.0' });
  registry.publish({ name: 'extra', version: '1.0.0', manifest: { dependencies: { leaf: '1.0.0' } } });
  registry.publish({ name: 'elsewhere', version: '1.0.0', manifest: { os: ['none'] } });
  registry.publish({ name: 'fails-here', version: '1.0.0', manifest: { scripts: { install: 'test -n "$CAN_BUILD"' } } });
}, 300_000);

afterAll(() => lab.stop());

describe('an optional package', () => {
  it('that could not be fetched once is there for all when it can be; and one for other machines is not missed', async () => {
    const directory = await lab.project({ dependencies: { leaf: '1.0.0' }, optionalDependencies: { extra: '1.0.0', elsewhere: '1.0.0' } });
    const { tree } = await lab.reference(directory);
    const worker = lab.world.worker();
    lab.registry.failing.add('extra/-/extra-1.0.0.tgz');
    expect(await lab.npm(worker, directory, ['ci'])).toMatchObject({ code: 0 });
    expect(Object.keys(treeOf(directory))).not.toContain('node_modules/extra/index.js');
    lab.registry.failing.clear();
    await worker.settle();
    expect((await worker.cli(['logs'])).stdout).toContain('node_modules/extra is missing');
    for (const next of [lab.world.worker(), worker]) {
      removeModules(directory);
      expect(await lab.npm(next, directory, ['ci'])).toMatchObject({ code: 0 });
      expect(treeOf(directory)).toEqual(tree);
      await next.settle();
    }
    removeModules(directory);
    const hit = await lab.withoutRegistry(() => lab.npm(lab.world.worker(), directory, ['ci']));
    expect(hit).toMatchObject({ code: 0, stdout: expect.stringContaining('2 from the store') as string });
    expect(treeOf(directory)).toEqual(tree);
  });

  it('that could not be built once is there on workers that can build it', async () => {
    const directory = await lab.project({ dependencies: { leaf: '1.0.0' }, optionalDependencies: { 'fails-here': '1.0.0' } });
    await lab.filled(directory);
    const more = { CAN_BUILD: '1' };
    expect(await lab.realNpm(directory, ['ci'], more)).toMatchObject({ code: 0 });
    const tree = treeOf(directory);
    expect(Object.keys(tree)).toContain('node_modules/fails-here/index.js');
    removeModules(directory);
    expect(await lab.npm(lab.world.worker(), directory, ['ci'], more)).toMatchObject({ code: 0 });
    expect(treeOf(directory)).toEqual(tree);
  });
});

it('a tarball in a file is not cached: npm fails where it is gone, and so do we', async () => {
  const directory = await lab.project({ dependencies: { leaf: '1.0.0' } });
  writeFileSync(join(directory, 'local.tgz'), makeTarball({ name: 'local', version: '1.0.0' }));
  expect(await lab.realNpm(directory, ['install', './local.tgz'])).toMatchObject({ code: 0 });
  const worker = await lab.filled(directory);
  expect(await worker.cached()).toEqual(['leaf==1.0.0']);
  rmSync(join(directory, 'local.tgz'));
  const expected = await lab.realNpm(directory, ['ci'], { npm_config_cache: join(directory, '../empty-npm-cache') });
  for (const one of [worker, lab.world.worker()]) expect(await lab.npm(one, directory, ['ci'])).toMatchObject({ code: expected.code });
  expect(expected.code).not.toBe(0);
});

it('a project without a name has that of its directory in its lockfiles, wherever it is installed', async () => {
  const directory = await lab.project({ name: undefined, dependencies: { leaf: '1.0.0' } });
  const worker = await lab.filled(directory, {}, ['install']);
  const names = (at: string): unknown[] => ['package-lock.json', 'node_modules/.package-lock.json'].map((path) => (JSON.parse(readFileSync(join(at, path), 'utf8')) as { name: unknown }).name);
  for (const command of ['install', 'ci']) {
    const [ours, theirs] = [`${directory}-ours-${command}`, `${directory}-theirs-${command}`];
    for (const at of [ours, theirs]) cpSync(directory, at, { recursive: true });
    expect(await lab.realNpm(theirs, [command])).toMatchObject({ code: 0 });
    expect(await lab.npm(worker, ours, [command])).toMatchObject({ code: 0 });
    expect(names(ours)).toEqual(names(theirs).map((name) => (typeof name === 'string' ? name.replace('theirs', 'ours') : name)));
  }
});
