import { cpSync, mkdirSync, realpathSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NpmLab, removeModules } from '../e2e/support/npm-lab.ts';
import { served } from '../e2e/support/offline.ts';
import { treeOf } from '../e2e/support/tree.ts';
import { Worker } from '../e2e/support/worker.ts';
import { ROOT } from '../support/install.ts';
import { mustRun } from '../support/run.ts';
import { binOf } from './support/npm-versions.ts';

/** The least that package.json asks for, with the npm that came with it. */
const LEAST = { node: '20.17.0', npm: '10.8.2' };

/** The Node that the tests run on. Where it is a Node 20 its V8 would take the bytecode of the least one, which crashes it. */
const CURRENT = realpathSync(process.execPath);

let lab: NpmLab;
let least: string;
let installations = 0;

beforeAll(async () => {
  lab = await NpmLab.start();
  lab.registry.publish({ name: 'one', version: '1.0.0', files: { 'index.js': '1' }, manifest: { dependencies: { two: '^1.0.0' } } });
  lab.registry.publish({ name: 'two', version: '1.2.0', files: { 'index.js': '2' } });
  lab.world.wheel({ name: 'alpha', version: '1.0', consoleScripts: ['alpha = alpha:main'] });
  const way = { ...process.env, HOME: lab.world.box.home };
  least = (await binOf(LEAST, way))!;
});

afterAll(() => lab.stop());

/** An installation made by a Node at a path of its own, which can be updated there. */
async function installedBy(node: string): Promise<{ worker: Worker; node: string }> {
  const root = join(lab.world.root, `installation-${installations++}`);
  mkdirSync(join(root, 'bin'), { recursive: true });
  cpSync(node, join(root, 'bin/node'));
  const PATH = [join(root, 'bin'), least, lab.world.box.env['PATH']].join(delimiter);
  await mustRun(join(ROOT, 'install.sh'), ['--prefix', join(root, 'prefix')], { env: { ...lab.world.box.env, PATH } });
  return { worker: new Worker(join(root, 'prefix/shims'), lab.world.worker({ PKG_CACHE_STORE: `${lab.world.store}/${installations}` }).env), node: join(root, 'bin/node') };
}

/** A miss and a hit, of npm and of pip, with an npm that runs on the Node that is first in `path`. */
async function worksAsEver(worker: Worker, path: readonly string[]): Promise<void> {
  const project = await lab.project({ dependencies: { one: '1.0.0' } });
  const { tree } = await lab.reference(project);
  const npm = () => lab.npm(worker, project, ['ci'], { PATH: [worker.shims, ...path, lab.world.box.env['PATH']].join(delimiter) });
  expect(await npm()).toMatchObject({ code: 0, stderr: '' });
  await worker.settle();
  removeModules(project);
  const hit = await lab.withoutRegistry(npm);
  expect(hit).toMatchObject({ code: 0, stderr: '' });
  expect(hit.stdout).toMatch(/^pkg-cache: 2 from the cache/m);
  expect(treeOf(project)).toEqual(tree);

  const [first, second] = [await lab.world.venv(), await lab.world.venv()];
  await worker.fill(first, ['alpha==1.0']);
  const pip = await worker.pip(second, ['install', 'alpha==1.0']);
  expect(pip).toMatchObject({ code: 0, stderr: '' });
  expect(served(pip.stdout)).toHaveLength(1);
}

describe('the least Node', () => {
  it('does all there is to do', async () => {
    const { worker } = await installedBy(join(least, 'node'));
    await worksAsEver(worker, [least]);
    expect(await worker.cli(['doctor'])).toMatchObject({ stderr: '' });
    expect(await worker.cli(['sync', '--once'])).toMatchObject({ code: 0, stderr: '' });
    expect(await worker.cli(['snapshot', '--now'])).toMatchObject({ code: 0, stderr: '' });
    expect(await worker.cli(['warm'])).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('bytecode of another Node is not taken', () => {
  it('where npm runs on a later Node than the one that built it', async () => {
    const { worker } = await installedBy(join(least, 'node'));
    await worksAsEver(worker, []);
  });

  it('where npm runs on an earlier one', async () => {
    const { worker } = await installedBy(CURRENT);
    await worksAsEver(worker, [least]);
  });

  it('where Node has been updated since, in place', async () => {
    const { worker, node } = await installedBy(join(least, 'node'));
    cpSync(CURRENT, node);
    await worksAsEver(worker, []);
  });
});
