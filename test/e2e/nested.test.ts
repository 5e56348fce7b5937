import { readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeSdist } from '../support/sdist.ts';
import { NpmLab, removeModules } from './support/npm-lab.ts';
import { packagesIn, treeOf } from './support/tree.ts';
import type { Venv } from '../support/venv.ts';
import type { Env } from './support/worker.ts';

let lab: NpmLab;
/** A project that the worker of each test has seen. */
let inner: string;

beforeAll(async () => {
  lab = await NpmLab.start();
  for (const name of ['ash', 'birch']) lab.registry.publish({ name, version: '1.0.0', files: { 'lib/data.js': name } });
  lab.world.wheel({ name: 'cedar', version: '1', files: { 'cedar/__init__.py': '' } });
  inner = await lab.project({ dependencies: { ash: '1.0.0', birch: '1.0.0' }, scripts: { setup: 'npm ci', deeper: 'npm run setup' } });
}, 120_000);

afterAll(() => lab.stop());

it.each(['setup', 'deeper'])('npm ci in a script of npm (run %s) is served', async (script) => {
  const { tree } = await lab.reference(inner);
  const worker = await lab.filled(inner);
  const { code, stdout, stderr } = await lab.withoutRegistry(() => lab.npm(worker, inner, ['run', script]));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('2 from the cache');
  expect(treeOf(inner)).toEqual(tree);
  removeModules(inner);
});

it('pip in an install script of npm is served', async () => {
  const worker = await lab.filled(inner);
  await worker.fill(await lab.world.venv(), ['cedar==1']);
  const venv = await lab.world.venv();
  const outer = await lab.project({ dependencies: { ash: '1.0.0' }, scripts: { postinstall: 'test -z "$WITH_PIP" || pip install cedar==1 > pip.log' } });
  const { PATH } = lab.environmentOf(worker);
  const inVenv = ({ bin }: Venv): Env => ({ WITH_PIP: '1', PATH: [worker.shims, bin, PATH].join(delimiter) });
  expect(await lab.npm(worker, outer, ['ci'], inVenv(venv))).toMatchObject({ code: 0 });
  expect(readFileSync(join(outer, 'pip.log'), 'utf8')).toContain('cedar-1');
  expect(Object.keys(packagesIn(venv))).toContain('cedar/__init__.py');
  await lab.world.index.down();
  try {
    removeModules(outer);
    const other = await lab.world.venv();
    expect(await lab.npm(worker, outer, ['ci'], inVenv(other))).toMatchObject({ code: 0 });
    expect(readFileSync(join(outer, 'pip.log'), 'utf8')).toContain('(cached)');
    expect(packagesIn(other)).toEqual(packagesIn(venv));
  } finally {
    await lab.world.index.up();
  }
});

it('npm in what pip builds is served', async () => {
  const { tree } = await lab.reference(inner);
  const worker = await lab.filled(inner);
  const log = join(lab.world.root, 'npm.log');
  const build = `import subprocess\nwith open(${JSON.stringify(log)}, 'w') as log:\n    subprocess.check_call(['npm', 'ci'], cwd=${JSON.stringify(inner)}, stdout=log)`;
  makeSdist(lab.world.archives, { name: 'elm', version: '1', files: { 'elm/__init__.py': '' } }, build);
  const venv = await lab.world.venv();
  const env = { ...lab.environmentOf(worker), PATH: worker.environment(venv)['PATH'] };
  const outcome = await lab.withoutRegistry(() => worker.pip(venv, ['install', 'elm==1'], { env }));
  expect(outcome).toMatchObject({ code: 0, stdout: expect.stringContaining('Successfully installed elm-1') });
  expect(readFileSync(log, 'utf8')).toContain('2 from the cache');
  expect(treeOf(inner)).toEqual(tree);
  removeModules(inner);
});
