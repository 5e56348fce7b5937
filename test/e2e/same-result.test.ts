import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../support/run.ts';
import type { Venv } from '../support/venv.ts';
import { AWKWARD, AWKWARD_SET, buildAwkward } from './support/awkward.ts';
import { offline, served } from './support/offline.ts';
import { sideBySide, treeOf } from './support/tree.ts';
import { startWorld, type World } from './support/world.ts';
import type { Worker } from './support/worker.ts';

let world: World;
let worker: Worker;

beforeAll(async () => {
  world = await startWorld();
  buildAwkward(world);
  for (const version of ['1', '2']) {
    world.wheel({
      name: 'Moving.Parts',
      version,
      files: { 'moving/__init__.py': `v = ${version}\n`, [`moving/v${version}/only.py`]: '', 'moving/data.txt': version },
      consoleScripts: ['moving = moving:main', `moving${version} = moving:main`],
      data: { data: { [`share/moving/${version}.txt`]: '' } },
    });
  }
  for (const name of ['first-owner', 'second-owner']) world.wheel({ name, version: '1', files: { 'owned.py': `owner = '${name}'\n`, 'owned.txt': name } });
  worker = world.worker();
  await worker.fill(await world.venv(), [...AWKWARD_SET, 'moving-parts==1']);
  // Apart, because what one overwrites of the other is not what its RECORD says.
  await worker.fill(await world.venv(), ['first-owner==1', 'moving-parts==2']);
  await worker.fill(await world.venv(), ['second-owner==1']);
});

afterAll(async () => await world.stop());

/** Runs the same commands with both pips, the first of which the shim must serve all of. */
async function expectSame(venv: Venv, set: readonly string[], then: readonly (readonly string[])[] = [], umask = '022'): Promise<void> {
  const script = `umask ${umask}; exec pip "$@"`;
  const args = ['-c', script, 'sh', 'install', '--no-deps', ...set];
  const realEnv = { ...worker.env, PATH: `${venv.bin}:${worker.env['PATH']}` };
  const afterwards = async (): Promise<string> => {
    const outcomes = [];
    for (const command of then) outcomes.push(await world.realPip(venv, command));
    return JSON.stringify(outcomes, null, 1);
  };
  const said: string[] = [];
  const { shim, expected, actual } = await sideBySide(
    venv,
    async () => {
      const outcome = await run('sh', args, { env: realEnv });
      said.push(await afterwards());
      return outcome;
    },
    async () => {
      const outcome = await offline(world, () => run('sh', args, { env: worker.environment(venv) }));
      said.push(await afterwards());
      return outcome;
    },
  );
  expect(shim).toMatchObject({ code: 0, stderr: '' });
  expect(served(shim.stdout)).toHaveLength(set.length);
  expect(actual).toEqual(expected);
  expect(said[1]).toBe(said[0]);
}

describe('the awkward set', () => {
  it('has all its members in the cache', async () => {
    expect(worker.log().filter((line) => line.startsWith('not cached'))).toEqual([]);
    expect(await worker.cached()).toEqual([...AWKWARD_SET, 'first-owner==1', 'moving-parts==1', 'moving-parts==2', 'second-owner==1'].sort());
  });

  it.each([
    ['an ordinary path', 'plain'],
    ['a path with spaces', 'with some spaces'],
    ['a path too long for an interpreter line', `long-${'x'.repeat(140)}`],
  ])('is what pip leaves, in %s', async (_where, name) => await expectSame(await world.genuineVenv(name), AWKWARD_SET));

  it.each(['077', '002'])('is what pip leaves, with umask %s', async (umask) => await expectSame(await world.venv(), AWKWARD_SET, [], umask));

  it('is checked, listed and uninstalled as if pip had installed it', async () => {
    await expectSame(await world.venv(), AWKWARD_SET, [['check'], ['freeze'], ['show', '-f', ...AWKWARD], ['uninstall', '-y', ...AWKWARD]]);
  });

  it('runs', async () => {
    const venv = await world.venv();
    await worker.pip(venv, ['install', ...AWKWARD_SET]);
    for (const [script, output] of [['scripted', 'scripted'], ['scripted.nested', 'scripted'], ['spread-sh', 'spread']] as const) {
      expect(await run(join(venv.bin, script), [], { env: worker.env })).toEqual({ code: 0, signal: undefined, stdout: `${output}\n`, stderr: '' });
    }
    const before = treeOf(venv.dir);
    const names = ['scripted', 'spread', 'spread_pure', 'spread_plat', 'space.one', 'space.two', 'space.three.deep', 'odd', 'platform_lib'];
    const { code, stderr } = await run(venv.python, ['-v', '-c', `import ${names.join(', ')}`], { env: worker.env });
    expect({ code, error: stderr.match(/^\w*Error: .*$/m)?.[0] }).toEqual({ code: 0, error: undefined });
    expect(stderr).not.toMatch(/^# wrote/m);
    for (const name of ['scripted', 'spread_plat', 'platform_lib']) expect(stderr).toMatch(new RegExp(`^# .*\\.pyc matches .*${name}`, 'm'));
    expect(treeOf(venv.dir)).toEqual(before);
  });
});

describe('what was there before', () => {
  it('is replaced as pip replaces it, and what others have put there stays', async () => {
    const venv = await world.venv();
    await world.realPip(venv, ['install', 'moving-parts==1']);
    writeFileSync(join(venv.sitePackages, 'moving/v1/added.txt'), '');
    mkdirSync(join(venv.sitePackages, 'moving/__pycache__'), { recursive: true });
    writeFileSync(join(venv.sitePackages, 'moving/__pycache__/foreign.cpython-31.pyc'), Buffer.alloc(16));
    await expectSame(venv, ['moving-parts==2'], [['freeze']]);
  });

  it('is downgraded, and upgraded by pip afterwards', async () => {
    const venv = await world.venv();
    await world.realPip(venv, ['install', 'moving-parts==2']);
    await expectSame(venv, ['Moving_Parts==1.0'], [['install', '-q', '--upgrade', 'moving-parts'], ['uninstall', '-y', 'moving.parts']]);
  });

  it('stays untouched where it is what is asked for', async () => {
    const venv = await world.venv();
    await world.realPip(venv, ['install', 'moving-parts==1', 'space-one==1']);
    const args = ['install', 'moving-parts==1.0', 'space-one==1'];
    const before = treeOf(venv.dir);
    const real = await world.realPip(venv, args);
    const shim = await offline(world, () => worker.pip(venv, args));
    // No index was looked into.
    expect(shim).toEqual({ ...real, stdout: real.stdout.replace(/^Looking in indexes: .*\n/, '') });
    expect(shim.stdout).toMatch(/^Requirement already satisfied: moving-parts==1\.0/m);
    expect(treeOf(venv.dir)).toEqual(before);
  });
});

it.each([[['first-owner==1', 'second-owner==1']], [['second-owner==1', 'first-owner==1']]])('gives a file of two wheels to the one that pip installs last: %s', async (set) => {
  await expectSame(await world.venv(), set, [['uninstall', '-y', 'second-owner']]);
});

it('does not change the cache when an installed file is edited in place', async () => {
  const venv = await world.venv();
  await worker.pip(venv, ['install', 'moving-parts==2']);
  writeFileSync(join(venv.sitePackages, 'moving/data.txt'), 'edited', { flag: 'r+' });
  const other = await world.venv();
  await worker.pip(other, ['install', 'moving-parts==2']);
  expect(readFileSync(join(other.sitePackages, 'moving/data.txt'), 'utf8')).toBe('2');
});
