import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeSdist } from '../support/sdist.ts';
import type { Venv } from '../support/venv.ts';
import { served } from './support/offline.ts';
import { sideBySide, treeOf, type Comparison } from './support/tree.ts';
import { startWorld, type World } from './support/world.ts';
import type { Worker } from './support/worker.ts';

let world: World;
let worker: Worker;

/** Cached before the tests begin. */
const CACHED = ['part-one==1', 'part-two==2'];

/** Every time another one, so that it is never cached already. */
let fresh = 0;
function missing(): string {
  const name = `fresh-${fresh++}`;
  world.wheel({ name, version: '1' });
  return `${name}==1`;
}

beforeAll(async () => {
  world = await startWorld();
  world.wheel({ name: 'part-one', version: '1', consoleScripts: ['one = part_one:main'], extras: ['more'] });
  world.wheel({ name: 'part-two', version: '1', files: { 'part_two/__init__.py': '', 'part_two/old.py': '' } });
  world.wheel({ name: 'part-two', version: '2', files: { 'part_two/__init__.py': 'x = 2\n' }, requiresDist: ['part-one>=1'] });
  worker = world.worker();
  await worker.fill(await world.venv(), CACHED);
});

afterAll(async () => await world.stop());

/** The same command by the real pip and through the shim, in one environment, each with a cache of pip's own: neither finds what the other has built. */
async function both(venv: Venv, args: readonly string[], env: Record<string, string> = {}): Promise<Comparison> {
  return await sideBySide(
    venv,
    () => world.realPip(venv, args, { env: { XDG_CACHE_HOME: `${venv.dir}-cache-of-pip`, ...env } }),
    () => worker.pip(venv, args, { env: { XDG_CACHE_HOME: `${venv.dir}-cache-of-shim`, ...env } }),
  );
}

/** pip's lines but for those about downloads; what is marked as cached is no difference. */
function told(stdout: string): string[] {
  return stdout.replaceAll(' (cached)', '').split('\n').filter((line) => !/^ *(?:Downloading|Using cached|Obtaining dependency information|Preparing metadata|Getting requirements|Installing build|Building wheel|Created wheel|Stored in)/.test(line));
}

describe('a set of which a part is cached', () => {
  it('is told of in the words of pip, and of that alone', async () => {
    const { pip, shim, expected, actual } = await both(await world.venv(), ['install', missing(), ...CACHED]);
    expect(served(shim.stdout)).toHaveLength(2);
    expect({ ...shim, stdout: told(shim.stdout) }).toEqual({ ...pip, stdout: told(pip.stdout) });
    expect(actual).toEqual(expected);
  });

  it('is built before anything of it is placed', async () => {
    const look = `import importlib.util\nif importlib.util.find_spec('part_one'): raise SystemExit('part_one can be imported')`;
    makeSdist(world.archives, { name: 'curious', version: '1' }, look);
    const { pip, shim, expected, actual } = await both(await world.venv(), ['install', '--no-build-isolation', ...CACHED, 'curious==1']);
    expect(pip.code).toBe(0);
    expect(shim).toMatchObject({ code: 0, stderr: pip.stderr });
    expect(served(shim.stdout)).toHaveLength(2);
    expect(actual).toEqual(expected);
  });

  it('leaves nothing where a build fails', async () => {
    makeSdist(world.archives, { name: 'broken', version: '1' }, 'raise SystemExit(1)');
    const venv = await world.venv();
    await world.realPip(venv, ['install', 'part-two==1', '--no-deps']);
    const before = treeOf(venv.dir);
    const { code, stdout } = await worker.pip(venv, ['install', ...CACHED, 'broken==1']);
    expect(code).toBe(1);
    expect(served(stdout)).toHaveLength(2);
    expect(treeOf(venv.dir)).toEqual(before);
  });

  it('has pip uninstall what it replaces', async () => {
    const venv = await world.venv();
    await world.realPip(venv, ['install', 'part-two==1', '--no-deps']);
    const { pip, shim, expected, actual } = await both(venv, ['install', ...CACHED, missing()]);
    expect(shim.stdout).toContain('Successfully uninstalled part-two-1');
    expect(told(shim.stdout)).toEqual(told(pip.stdout));
    expect(actual).toEqual(expected);
  });

  it('runs nothing that lies in the working directory', async () => {
    const cwd = join(world.root, 'checkout');
    mkdirSync(cwd);
    for (const module of ['json', 'logging', 'zipfile', 'inspect', 'pathlib', 'os', 'subprocess']) writeFileSync(join(cwd, `${module}.py`), `raise SystemExit('${module} of the checkout was run')\n`);
    for (const args of [[], ['--python', (await world.venv()).dir]]) {
      const outcome = await worker.pip(await world.venv(), [...args, 'install', ...CACHED, missing()], { cwd });
      expect(outcome).toMatchObject({ code: 0, stderr: '' });
      expect(served(outcome.stdout)).toHaveLength(2);
    }
  });

  it('asks the index for nothing that the cache has', async () => {
    const before = world.index.requests.length;
    const { code } = await worker.pip(await world.venv(), ['install', ...CACHED, missing()]);
    expect(code).toBe(0);
    expect(world.index.requests.slice(before).filter((request) => request.includes('part'))).toEqual([]);
  });
});

describe('two distributions that own one file', () => {
  it('leave it as the last one of them has it, in every install, and are both served in the end', async () => {
    // pip installs `owner-b` first.
    world.wheel({ name: 'owner-a', version: '1', files: { 'owned/__init__.py': 'owner = "a"\n', 'owned/a.py': '' }, data: { scripts: { owned: '#!python\n1' } } });
    world.wheel({ name: 'owner-b', version: '1', files: { 'owned/__init__.py': 'owner = "b"\n', 'owned/b.py': '' }, data: { scripts: { owned: '#!python\n2' } } });
    const set = ['owner-a==1', 'owner-b==1'];
    const counts: number[] = [];
    for (const round of [1, 2, 3]) {
      const venv = await world.venv();
      const { shim, expected, actual } = await both(venv, ['install', ...set]);
      expect({ round, code: shim.code }).toEqual({ round, code: 0 });
      expect(actual).toEqual(expected);
      counts.push(served(shim.stdout).length);
      await worker.settle();
    }
    expect(counts).toEqual([0, 1, 2]);
  });
});
