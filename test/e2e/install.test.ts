import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeSdist } from '../support/sdist.ts';
import { offline, served } from './support/offline.ts';
import { sideBySide, treeOf } from './support/tree.ts';
import { startWorld, type World } from './support/world.ts';
import type { Worker } from './support/worker.ts';

let world: World;
let worker: Worker;

const SET = ['alpha[more]==1.0', 'beta==1.5', 'extra-part==0.1'];

beforeAll(async () => {
  world = await startWorld({ store: true });
  world.wheel({ name: 'alpha', version: '1.0', requiresDist: ['beta>=1', 'extra_part; extra == "more"'], extras: ['more'], consoleScripts: ['alpha = alpha:main'] });
  for (const version of ['1.0', '1.5', '2.0']) world.wheel({ name: 'beta', version, files: { 'beta/__init__.py': `v = '${version}'\n`, [`beta/only_${version[0]}.py`]: '' } });
  world.wheel({ name: 'extra_part', version: '0.1' });
  world.wheel({ name: 'gamma', version: '3' });
  world.wheel({ name: 'zeta_kit', version: '1', requiresDist: ['Eta.Kit'] });
  world.wheel({ name: 'Eta.Kit', version: '2', requiresDist: ['theta_kit>=1'] });
  world.wheel({ name: 'Theta-Kit', version: '1' });
  makeSdist(world.archives, { name: 'from-source', version: '1' });
  worker = world.worker();
});

afterAll(async () => await world.stop());

describe('one set', () => {
  it('is installed by the real pip at first, in its own words, and then lies in the cache', async () => {
    const venv = await world.venv();
    const { pip, shim, expected, actual } = await sideBySide(
      venv,
      () => world.realPip(venv, ['install', ...SET]),
      () => worker.pip(venv, ['install', ...SET]),
    );
    expect(shim).toEqual(pip);
    expect(shim.stdout).toContain('Downloading');
    expect(actual).toEqual(expected);
    await worker.settle();
    expect(await worker.cached()).toEqual(['alpha==1.0', 'beta==1.5', 'extra-part==0.1']);
  });

  it('is served from the local cache afterwards, and leaves what pip leaves', async () => {
    const venv = await world.venv();
    const { pip, shim, expected, actual } = await sideBySide(
      venv,
      () => world.realPip(venv, ['install', ...SET]),
      () => offline(world, () => worker.pip(venv, ['install', ...SET])),
    );
    expect(shim).toMatchObject({ code: 0, stderr: '' });
    expect(served(shim.stdout)).toHaveLength(3);
    expect(shim.stdout).toMatch(/^Collecting alpha\[more\]==1\.0 \(cached\)$/m);
    const lastLine = pip.stdout.trimEnd().split('\n').at(-1);
    expect(shim.stdout.trimEnd().split('\n').at(-1)).toBe(lastLine);
    expect(actual).toEqual(expected);
  });

  it('is served from the store to a worker that never had it, and then from its local cache', async () => {
    const other = world.worker();
    const venv = await world.venv();
    const { shim, expected, actual } = await sideBySide(
      venv,
      () => world.realPip(venv, ['install', ...SET]),
      () => offline(world, () => other.pip(venv, ['install', ...SET])),
    );
    expect(shim).toMatchObject({ code: 0, stderr: '' });
    expect(shim.stdout.split('\n').filter((line) => line.endsWith('(store)'))).toHaveLength(3);
    expect(actual).toEqual(expected);
    const again = await offline(world, async () => await other.pip(await world.venv(), ['install', ...SET]));
    expect(again.stdout).toContain('Collecting beta==1.5 (cached)');
  });
});

describe('a set of which a part is cached', () => {
  it('gets that part from the cache and the rest from pip, and is cached as a whole then', async () => {
    const venv = await world.venv();
    const set = [...SET, 'gamma==3'];
    const { shim, expected, actual } = await sideBySide(
      venv,
      () => world.realPip(venv, ['install', ...set]),
      () => worker.pip(venv, ['install', ...set]),
    );
    expect(shim).toMatchObject({ code: 0, stderr: '' });
    expect(shim.stdout).toContain('Collecting beta==1.5 (cached)');
    expect(shim.stdout).toContain('Successfully installed alpha-1.0 beta-1.5 extra-part-0.1 gamma-3');
    expect(actual).toEqual(expected);
    await worker.settle();
    expect(await worker.cached()).toContain('gamma==3');
  });

  it.each([[], ['--isolated']])('is named as a whole in the last line, also by a pip that leaves no report (%s)', async (...isolated) => {
    const venv = await world.venv();
    // Of a worker on its own: once zeta-kit is cached, it is known that it needs what nobody has pinned.
    const worker = world.worker({ PKG_CACHE_STORE: undefined });
    await worker.fill(await world.venv(), SET);
    const args = [...isolated, 'install', '--index-url', world.index.url, ...SET, 'zeta-kit==1'];
    const { pip, shim } = await sideBySide(
      venv,
      () => world.realPip(venv, args),
      () => worker.pip(venv, args),
    );
    expect(shim.stdout).toContain('Collecting beta==1.5 (cached)');
    expect(shim.stdout.trimEnd().split('\n').at(-1)).toBe(pip.stdout.trimEnd().split('\n').at(-1));
  });

  it('leaves nothing if pip fails, and brings back the version that was there', async () => {
    const venv = await world.venv();
    await world.realPip(venv, ['install', 'beta==1.0', 'extra-part==0.1']);
    const before = treeOf(venv.dir);
    const { code, stderr, stdout } = await worker.pip(venv, ['install', ...SET, 'does-not-exist==1']);
    expect(code).toBe(1);
    expect(stdout).toContain('Collecting beta==1.5 (cached)');
    expect(stderr).toContain('No matching distribution found for does-not-exist==1');
    expect(treeOf(venv.dir)).toEqual(before);
  });
});

describe('anything else is for the real pip', () => {
  it('passes on what is not an install, and installs it cannot serve', async () => {
    const venv = await world.venv();
    const project = join(world.root, 'project');
    mkdirSync(project);
    writeFileSync(join(project, 'pyproject.toml'), '[build-system]\nrequires = []\nbuild-backend = "absent"\n');
    for (const args of [['list'], ['install', '-e', project], ['install', '--no-such-option', 'gamma==3'], ['install'], ['install', 'gamma==9']]) {
      const real = await world.realPip(venv, args, { cwd: project });
      expect(await worker.pip(venv, args, { cwd: project })).toEqual(real);
    }
  });

  it('resolves what is not pinned, and an open set', async () => {
    for (const set of [['beta'], ['alpha==1.0']]) {
      const { code, stdout } = await worker.pip(await world.venv(), ['install', ...set]);
      expect(code).toBe(0);
      expect(stdout).toMatch(/Successfully installed .*beta-2\.0/);
      expect(stdout).not.toContain('(cached)');
    }
    await worker.settle();
    const pinned = await offline(world, async () => await worker.pip(await world.venv(), ['install', 'alpha==1.0', 'beta==2.0']));
    expect(pinned.stdout).toContain('Collecting beta==2.0 (cached)');
  });

  it('builds from source, and what it built is served the next time', async () => {
    await worker.fill(await world.venv(), ['from-source']);
    const venv = await world.venv();
    const { shim, expected, actual } = await sideBySide(
      venv,
      () => world.realPip(venv, ['install', 'from-source==1']),
      () => offline(world, () => worker.pip(venv, ['install', 'from-source==1'])),
    );
    expect(shim.stdout).toContain('Collecting from-source==1 (cached)');
    expect(actual).toEqual(expected);
  });
});

describe('switched off', () => {
  it.each([
    ['by an option', ['--no-pkg-caching'], {}],
    ['by a variable', [], { PKG_CACHE: 'off' }],
  ])('%s, the real pip does it all and nothing is cached', async (_how, option, env) => {
    const idle = world.worker(env);
    const venv = await world.venv();
    const { code, stdout } = await idle.pip(venv, ['install', ...option, 'gamma==3']);
    expect(code).toBe(0);
    expect(stdout).not.toContain('(cached)');
    expect((await idle.cli(['status', '--json'], { env: { PKG_CACHE: undefined } })).stdout).toContain('"entries": []');
  });
});
