import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { served } from '../e2e/support/offline.ts';
import { sideBySide } from '../e2e/support/tree.ts';
import { startWorld, type World } from '../e2e/support/world.ts';
import type { Worker } from '../e2e/support/worker.ts';
import { python } from '../support/pythons.ts';
import { makeSdist } from '../support/sdist.ts';
import { makeVenv, type Venv } from '../support/venv.ts';

/** Versions of pip that differ in what the cache replaces in them or near it, each with a Python that it supports; from the real index. */
const PIPS = [
  ['3.8', '23.0'],
  ['3.11', '23.0'],
  ['3.11', '23.1'],
  ['3.11', '23.3.2'],
  ['3.12', '24.0'],
  ['3.8', '24.3.1'],
  ['3.13', '25.0.1'],
  ['3.12', '25.3'],
  ['3.12', '26.0'],
  ['3.13', '26.1'],
  ['3.12', 'newest'],
] as const;

/** Each test makes several environments, and builds from sdists in them. */
const TIMEOUT = 900_000;

const SET = ['hit-wheel==1', 'hit-built==1', 'owner-a==1', 'owner-b==1'];

let world: World;

beforeAll(async () => {
  world = await startWorld();
  world.wheel({ name: 'hit-wheel', version: '0' });
  world.wheel({
    name: 'hit-wheel',
    version: '1',
    files: { 'hit_wheel/__init__.py': 'x = 1\n', 'hit_wheel/sub/mod.py': 'y = 2\n' },
    consoleScripts: ['hit = hit_wheel:main'],
    data: { scripts: { 'hit-tool': '#!python\n' }, headers: { 'hit.h': '' }, data: { 'share/hit': '' } },
    requiresDist: ['hit-built'],
  });
  makeSdist(world.archives, { name: 'hit-built', version: '1' });
  world.wheel({ name: 'owner-a', version: '1', files: { 'owned/__init__.py': 'owner = "a"\n' } });
  world.wheel({ name: 'owner-b', version: '1', files: { 'owned/__init__.py': 'owner = "b"\n' } });
});

afterAll(async () => await world?.stop());

describe.each(PIPS)('on CPython %s, pip %s', (minor, pip) => {
  const found = python(minor);
  const look = `import importlib.util\nif importlib.util.find_spec('owned'): raise SystemExit('it can be imported')`;
  const id = `${minor}-${pip}`.replaceAll('.', '-');
  let worker: Worker;
  let made = 0;

  const venv = async (): Promise<Venv> => await makeVenv(found!, join(world.root, `${id}-${made++}`), { pip });

  it.skipIf(found === undefined)('the real pip gets what is cached from the cache, and leaves what it leaves', async () => {
    worker = world.worker();
    await worker.fill(await venv(), SET);
    const name = `curious-${id}`;
    makeSdist(world.archives, { name, version: '1' }, look);
    const into = await venv();
    await world.realPip(into, ['install', 'hit-wheel==0']);
    const args = ['install', '-v', '--no-build-isolation', ...SET, `${name}==1`];
    const { pip: real, shim, expected, actual } = await sideBySide(
      into,
      () => world.realPip(into, args, { env: { XDG_CACHE_HOME: `${into.dir}-cache` } }), // what it builds, it must not leave to the other one
      () => worker.pip(into, args),
    );
    expect(real.code).toBe(0);
    expect(shim).toMatchObject({ code: 0, stderr: real.stderr });
    expect(served(shim.stdout)).toHaveLength(2);
    expect(shim.stdout).not.toContain('not as expected');
    expect(actual).toEqual(expected);
  }, TIMEOUT);

  it.skipIf(found === undefined)('with --python, what has been built from an sdist, and both owners of a file', async () => {
    const { stdout } = await worker.pip(await venv(), ['install', ...SET]);
    expect(served(stdout).length).toBeGreaterThan(0);
    await worker.settle();
    const target = await makeVenv(found!, join(world.root, `${id}-target`));
    const caller = await venv();
    world.wheel({ name: `late-${id}`, version: '1' });
    const args = ['--python', target.python, 'install', ...SET, `late-${id}==1`];
    const { pip: real, shim, expected, actual } = await sideBySide(
      target,
      () => world.realPip(caller, args),
      () => worker.pip(caller, args),
    );
    expect(real.code).toBe(0);
    expect(shim).toMatchObject({ code: 0, stderr: real.stderr });
    expect(served(shim.stdout)).toHaveLength(4);
    expect(actual).toEqual(expected);
  }, TIMEOUT);
});
