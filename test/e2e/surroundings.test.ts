import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, type Outcome } from '../support/run.ts';
import type { Venv } from '../support/venv.ts';
import { DEFAULT_ACL } from './support/acl.ts';
import { offline, served } from './support/offline.ts';
import { sideBySide, type Comparison } from './support/tree.ts';
import { startWorld, type World } from './support/world.ts';
import type { Env, Worker } from './support/worker.ts';

// What an install may find around it that is none of its own doing.

let world: World;
let worker: Worker;

beforeAll(async () => {
  world = await startWorld();
  for (const version of ['1', '2']) world.wheel({ name: 'ash', version, files: { 'ash/__init__.py': `v = ${version}\n`, 'ash/data/text.txt': version } });
  world.wheel({ name: 'birch', version: '1', requiresDist: ['ash'] });
  world.wheel({ name: 'cedar', version: '1' });
  worker = world.worker();
  await worker.fill(await world.venv(), ['ash==1', 'birch==1']);
  await worker.fill(await world.venv(), ['ash==2']);
});

afterAll(async () => await world.stop());

interface Surroundings {
  readonly env?: Env;
  readonly cwd?: string;
  /** Run after each of the two, with the environment as it left it. */
  readonly look?: () => void;
}

/** Does one thing to an environment by the real pip and through the shim, with an index for both. */
async function byBoth(venv: Venv, args: readonly string[], { env = {}, cwd = world.box.home, look }: Surroundings = {}): Promise<Comparison> {
  const looking = async (outcome: Promise<Outcome>): Promise<Outcome> => {
    const result = await outcome;
    look?.();
    return result;
  };
  return await sideBySide(venv, () => looking(world.realPip(venv, args, { env, cwd })), () => looking(worker.pip(venv, args, { env, cwd })));
}

/** The real pip did it all, and nobody else had anything to say. */
function expectLeftToPip({ pip, shim, expected, actual }: Comparison): void {
  expect({ code: shim.code, stderr: shim.stderr, served: served(shim.stdout) }).toEqual({ code: pip.code, stderr: pip.stderr, served: [] });
  expect(actual).toEqual(expected);
}

it('a directory that passes its group on: what is new there has that group', async () => {
  const venv = await world.venv();
  if (process.getuid?.() === 0) chownSync(venv.sitePackages, 0, 12_345);
  chmodSync(venv.sitePackages, 0o2775);
  const { gid } = statSync(venv.sitePackages);
  const groups: number[][] = [];
  const look = (): void => {
    const names = readdirSync(venv.sitePackages, { recursive: true, encoding: 'utf8' }).filter((name) => name.startsWith('ash'));
    groups.push([...new Set(names.map((name) => lstatSync(join(venv.sitePackages, name)).gid))]);
  };
  const comparison = await byBoth(venv, ['install', 'ash==1'], { look });
  expectLeftToPip(comparison);
  expect(groups).toEqual([[gid], [gid]]);
  expect(Object.entries(comparison.actual).filter(([path]) => path.endsWith('site-packages/ash'))).toEqual([[expect.any(String), 'directory 2755']]);
});

it.skipIf(process.platform !== 'linux')('a directory with a default ACL: what is new there has its rules (Linux)', async () => {
  const venv = await world.venv();
  execFileSync(venv.python, ['-c', DEFAULT_ACL, venv.sitePackages]);
  chmodSync(venv.sitePackages, 0o770);
  const comparison = await byBoth(venv, ['install', 'ash==1']);
  expectLeftToPip(comparison);
  expect(Object.entries(comparison.actual).filter(([path]) => path.endsWith('site-packages/ash'))).toEqual([[expect.any(String), 'directory 770']]);
});

describe('names that are not UTF-8', () => {
  /** All paths below a directory, byte for byte. */
  const paths = (directory: string): string[] => {
    const listed = execFileSync('find', ['.'], { cwd: directory, encoding: 'latin1' });
    return listed.split('\n').filter((path) => !/^\.\/(pip|setuptools|_distutils_hack)\b/.test(path)).sort();
  };
  const odd = (directory: string, name: string): Buffer => Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name, 'latin1')]);

  it('in a RECORD: pip replaces what it can', async () => {
    const venv = await world.venv();
    await world.realPip(venv, ['install', 'ash==1']);
    writeFileSync(join(venv.sitePackages, 'ash-1.dist-info/RECORD'), Buffer.from('ash/\xe9.txt,,\r\n', 'latin1'), { flag: 'a' });
    expectLeftToPip(await byBoth(venv, ['install', 'ash==2']));
  });

  it.each<[string, (directory: string) => void]>([
    ['a file', (directory) => writeFileSync(odd(directory, 'd\xe9j\xe0'), 'precious')],
    ['a directory', (directory) => mkdirSync(odd(directory, 'd\xe9j\xe0'))],
    ['a directory with something in it', (directory) => (mkdirSync(odd(directory, 'd\xe9j\xe0')), writeFileSync(odd(directory, 'd\xe9j\xe0/x'), 'precious'))],
  ])('of %s that somebody has put there: what pip leaves stays', async (_what, put) => {
    const [real, venv] = [await world.venv(), await world.venv()];
    for (const { sitePackages } of [real, venv]) {
      await world.realPip(sitePackages === real.sitePackages ? real : venv, ['install', 'ash==1']);
      put(join(sitePackages, 'ash/data'));
    }
    const pip = await world.realPip(real, ['install', 'ash==2']);
    const shim = await worker.pip(venv, ['install', 'ash==2']);
    expect(shim.code).toBe(pip.code);
    expect(paths(venv.sitePackages)).toEqual(paths(real.sitePackages));
    expect(readFileSync(join(venv.sitePackages, 'ash/data/text.txt'), 'utf8')).toBe('2');
  });

  it('in the arguments: such a path is not taken for another one', async () => {
    const venv = await world.venv();
    const script = 'cd "$1" && pip install --target "$(printf \'d\\351j\\340\')" ash==1';
    const { code, stdout } = await run('sh', ['-c', script, 'sh', venv.dir], { env: worker.environment(venv) });
    expect({ code, served: served(stdout) }).toEqual({ code: 0, served: [] });
    expect(readdirSync(odd(venv.dir, 'd\xe9j\xe0'))).toContain('ash');
    expect(readdirSync(venv.dir)).toHaveLength(readdirSync(Buffer.from(venv.dir), 'latin1').length);
  });
});

describe('what is installed in a directory of PYTHONPATH', () => {
  /** An environment, and a directory with `ash` in it. */
  const beside = async (version: string): Promise<{ venv: Venv; path: string }> => {
    const venv = await world.venv();
    await world.realPip(venv, ['install', '--target', join(venv.dir, 'beside'), `ash==${version}`]);
    return { venv, path: join(venv.dir, 'beside') };
  };
  const said = ({ stdout }: Outcome): string => stdout.replace(/^Looking in indexes: .*\n/, '');

  it.each([['by its path', (path: string) => path], ['by a relative one', () => 'nowhere:beside']])('meets a dependency, %s', async (_how, variable) => {
    const { venv, path } = await beside('2');
    const { pip, shim, expected, actual } = await sideBySide(
      venv,
      () => world.realPip(venv, ['install', 'birch==1'], { env: { PYTHONPATH: variable(path) }, cwd: venv.dir }),
      () => offline(world, () => worker.pip(venv, ['install', 'birch==1'], { env: { PYTHONPATH: variable(path) }, cwd: venv.dir })),
    );
    expect(pip.stdout).toContain('Successfully installed birch-1\n');
    expect({ ...shim, served: served(shim.stdout) }).toMatchObject({ code: 0, stderr: '', served: ['birch==1'] });
    expect(actual).toEqual(expected);
  });

  it('is what is asked for, and stays', async () => {
    const { venv, path } = await beside('1');
    const { pip, shim, expected, actual } = await byBoth(venv, ['install', 'ash==1'], { env: { PYTHONPATH: path } });
    expect(shim).toEqual({ ...pip, stdout: said(pip) });
    expect(shim.stdout).toMatch(/^Requirement already satisfied: ash==1 in \S*beside \(1\)$/m);
    expect(actual).toEqual(expected);
  });

  it('in another version, is for pip to deal with', async () => {
    const { venv, path } = await beside('1');
    expectLeftToPip(await byBoth(venv, ['install', 'ash==2'], { env: { PYTHONPATH: path } }));
  });
});

it.each([
  ['PYTHONHOME', (prefix: string) => prefix],
  ['PYTHONOPTIMIZE', () => '1'],
])('with %s set, pip installs, and nothing of it is cached', async (name, value) => {
  const venv = await world.venv();
  const { stdout: prefix } = await run(venv.python, ['-c', 'import sys; print(sys.base_prefix, end="")'], { env: world.box.env });
  const env = { [name]: value(prefix) };
  // PYTHONHOME makes the environment another one; a target stays what it is.
  expectLeftToPip(await byBoth(venv, ['install', '--target', join(venv.dir, 'there'), 'ash==1', 'birch==1'], { env }));
  expect((await worker.pip(venv, ['install', '--target', join(venv.dir, 'new'), 'cedar==1'], { env })).code).toBe(0);
  await worker.settle();
  expect(await worker.cached()).toEqual(['ash==1', 'ash==2', 'birch==1']);
});

describe('what a broken install has left', () => {
  const withAsh = async (): Promise<{ venv: Venv; info: string }> => {
    const venv = await world.venv();
    await world.realPip(venv, ['install', 'ash==1']);
    return { venv, info: join(venv.sitePackages, 'ash-1.dist-info') };
  };

  it.each([
    ['is asked for again', ['--no-deps', 'ash==1']],
    ['is to be replaced', ['ash==2']],
    ['is in nobody’s way', ['--no-deps', 'birch==1']],
  ])('a distribution without METADATA %s', async (_what, set) => {
    const { venv, info } = await withAsh();
    rmSync(join(info, 'METADATA'));
    expectLeftToPip(await byBoth(venv, ['install', ...set]));
  });

  it.each([
    ['one of them is asked for', ['ash==1']],
    ['another one is asked for', ['birch==1', 'ash==2']],
  ])('two versions of one project, and %s', async (_what, set) => {
    const { venv, info } = await withAsh();
    const other = join(venv.sitePackages, 'Ash-1.5.dist-info');
    mkdirSync(other);
    for (const name of readdirSync(info)) writeFileSync(join(other, name), readFileSync(join(info, name), 'utf8').replace('Version: 1\n', 'Version: 1.5\n'));
    expectLeftToPip(await byBoth(venv, ['install', ...set]));
  });
});

it.each([['install', 'ash==1'], ['install', '-v', 'ash==1'], ['install', '--target', 'there', 'ash==1']])('in a directory that is gone, only pip has something to say: %s %s', async (...args) => {
  const venv = await world.venv();
  const script = 'mkdir "$HOME/gone" && cd "$HOME/gone" && rmdir "$HOME/gone" && exec "$@"';
  const inGone = async (pip: string, env: Env): Promise<Outcome> => {
    const outcome = await run('sh', ['-c', script, 'sh', pip, ...args], { env, cwd: '/' });
    // The shell that runs the shim may say so before it reads the first line.
    return { ...outcome, stderr: outcome.stderr.replace(/^.*(?:getcwd|getting current directory|retrieving current directory).*\n/gm, '') };
  };
  const real = await inGone(join(venv.bin, 'pip'), worker.env);
  expect(await inGone('pip', worker.environment(venv))).toEqual(real);
});
