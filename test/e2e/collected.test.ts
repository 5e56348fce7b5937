import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tryClaim } from '../../src/cache/claim.ts';
import { mustRun, type Outcome } from '../support/run.ts';
import { makeWheel } from '../support/wheel.ts';
import type { Venv } from '../support/venv.ts';
import { startWorld, type World } from './support/world.ts';
import type { Env, Worker } from './support/worker.ts';

// What is cached of a real pip's run: what that run has put there, and nothing else.

let world: World;
let patched: string;

const source = (text: string): Record<string, string> => ({ 'ash/__init__.py': text, 'ash/tool.py': 'x = 1\n', 'ash/lib.so': 'library' });

beforeAll(async () => {
  world = await startWorld();
  for (const name of ['ash', 'birch']) world.wheel({ name, version: '1', files: source(`made = ${JSON.stringify(name)}\n`) });
  world.wheel({ name: 'cedar', version: '1' });
  patched = join(world.root, 'patched');
  for (const name of ['ash', 'birch']) makeWheel(patched, { name, version: '1', files: source('made = "patched"\n') });
});

afterAll(async () => await world.stop());

/** An environment with patched distributions in it, of which the index knows nothing. */
async function withPatched(): Promise<Venv> {
  const venv = await world.venv();
  const { code, stderr } = await world.realPip(venv, ['install', '--no-index', '--find-links', patched, 'ash==1', 'birch==1']);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  return venv;
}

/** A directory with a project whose build needs `ash`, and ends as `end` says. */
function project(name: string, end: string): string {
  const directory = join(world.root, name);
  mkdirSync(directory);
  writeFileSync(join(directory, 'pyproject.toml'), `[build-system]\nrequires = ["ash==1"]\nbuild-backend = "backend"\nbackend-path = ["."]\n`);
  writeFileSync(join(directory, 'backend.py'), `def build_wheel(directory, config_settings=None, metadata_directory=None):\n    ${end}\n`);
  return directory;
}

async function cachedAfter(worker: Worker): Promise<string[]> {
  await worker.settle();
  return await worker.cached();
}

describe('a pip that fails leaves nothing of what it had meant to install', () => {
  it('where it filled an environment to build in', async () => {
    const [worker, venv] = [world.worker(), await withPatched()];
    const { code } = await worker.pip(venv, ['install', project('failing', 'raise SystemExit("no")')]);
    expect({ code, cached: await cachedAfter(worker) }).toEqual({ code: 1, cached: [] });
  });

  it('where something of the same name and version lies there', async () => {
    const worker = world.worker();
    writeFileSync(world.wheel({ name: 'doomed', version: '1' }).path, 'no wheel');
    const { code } = await worker.pip(await withPatched(), ['install', '--force-reinstall', 'ash==1', 'birch==1', 'doomed==1']);
    expect({ code, cached: await cachedAfter(worker) }).toEqual({ code: 1, cached: [] });
  });
});

it('what a target had before, and pip has left there, is not cached', async () => {
  const worker = world.worker();
  const [venv, target] = [await world.venv(), join(world.root, 'target')];
  await world.realPip(venv, ['install', '--no-index', '--find-links', patched, '--target', target, 'ash==1']);
  const { code, stderr } = await worker.pip(venv, ['install', '--target', target, 'ash==1', 'cedar==1']);
  expect({ code, stderr }).toMatchObject({ code: 0, stderr: expect.stringContaining('already exists') });
  expect(await cachedAfter(worker)).toEqual(['cedar==1']);
});

describe('changed after pip, and before anybody has looked', () => {
  const python = (code: string) => ['python', '-c', code];
  const shell = (command: string) => ['sh', '-c', command];
  /** What is done in site-packages to a distribution called NAME. */
  const CHANGES: readonly (readonly [what: string, command: string[]])[] = [
    ['modes of all', shell('chmod -R 777 NAME')],
    ['the mode of one', shell('find NAME -name tool.py -exec chmod +x {} +')],
    ['bytecode', python('import compileall; compileall.compile_dir("NAME", force=True, quiet=1)')],
    ['bytecode, with the header of before', python('import glob; [p] = glob.glob("NAME/__pycache__/tool*"); b = open(p, "rb").read(); open(p, "wb").write(b.replace(b"x", b"y"))')],
    ['a file in its place', shell('cp NAME/tool.py t && cat t > NAME/tool.py && rm t')],
    ['a file, for a copy of it', shell('cp -p NAME/lib.so t && mv t NAME/lib.so')],
    ['a file, for a link', shell('mv NAME/lib.so lib.so && ln -s ../lib.so NAME/lib.so')],
    ['a file, with another link', shell('ln NAME/lib.so elsewhere')],
    ['a file, which is gone', shell('rm NAME/tool.py')],
    ['a directory, for an older one', shell('rm -r NAME && cp -a ../older NAME')],
    ['the list of files', shell('sed -i s/REQUESTED/REQUESTED/ NAME-1.dist-info/RECORD')],
    ...(process.getuid?.() === 0 ? [['owners', shell('chown -R 1234 NAME')] as const] : []),
  ];

  it(`${CHANGES.map(([what]) => what).join('; ')}: none of these is cached`, async () => {
    const [worker, venv] = [world.worker(), await world.venv()];
    const names = CHANGES.map((_change, index) => `changed${String.fromCharCode(97 + index)}`);
    for (const name of names) world.wheel({ name, version: '1', files: Object.fromEntries(Object.entries(source('made = 1\n')).map(([path, text]) => [path.replace('ash', name), text])) });
    mkdirSync(join(worker.cache, 'v1/claims'), { recursive: true });
    const nobodyLooks = tryClaim(worker.backgroundClaim);
    await mustRun('cp', ['-a', join(venv.sitePackages, 'pip/_vendor/certifi'), join(venv.sitePackages, '../older')], { env: world.box.env });
    expect((await worker.pip(venv, ['install', ...names.map((name) => `${name}==1`), 'cedar==1'])).code).toBe(0);
    for (const [index, [, [command = '', ...args]]] of CHANGES.entries()) {
      const filled = args.map((arg) => arg.replaceAll('NAME', names[index] ?? ''));
      await mustRun(command === 'python' ? venv.python : command, filled, { cwd: venv.sitePackages, env: world.box.env });
    }
    nobodyLooks?.release();
    expect(await cachedAfter(worker)).toEqual(['cedar==1']);
    for (const name of names) expect(worker.log().filter((line) => line.includes(`${name}==1`))).toEqual([expect.stringContaining('not cached')]);
  });
});

describe('a pip that is watched', () => {
  it.each([
    ['without configuration', ['--isolated', 'install', '--index-url', 'INDEX', 'ash==1']],
    ['for another interpreter', ['--python', 'OTHER', 'install', 'ash==1']],
  ])('is cached: %s', async (_what, args) => {
    const [worker, venv, other] = [world.worker(), await world.venv(), await world.venv()];
    const filled = args.map((arg) => (arg === 'INDEX' ? world.index.url : arg === 'OTHER' ? other.dir : arg));
    const { code, stderr } = await worker.pip(venv, filled);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(await cachedAfter(worker)).toEqual(['ash==1']);
  });

  const shown = `import json, os, sys; print("SEEN", json.dumps([{n: v for n, v in os.environ.items() if n.startswith(("PYTHON", "PKG_CACHE_O", "PIP_R"))}, sys.path[1:]]), file=sys.stderr)`;

  it.each([[{}], [{ PYTHONPATH: 'HERE' }]])('sees what it would see without us, and so does what it starts: %j', async (env: Env) => {
    const [worker, venv] = [world.worker(), await world.venv()];
    const here = join(venv.dir, 'here');
    mkdirSync(here);
    writeFileSync(join(here, 'sitecustomize.py'), `${shown}\n`);
    const filled = Object.fromEntries(Object.entries(env).map(([name]) => [name, here]));
    const seen = ({ stderr, stdout }: Outcome): string[] => `${stdout}${stderr}`.split('\n').filter((line) => line.startsWith('SEEN'));
    const args = ['install', '-v', project(`shown-${Object.keys(env).length}`, shown.replace('sys.path[1:]', '0') + '; raise SystemExit("no")')];
    const real = await world.realPip(venv, args, { env: filled });
    const ours = await worker.pip(venv, args, { env: filled });
    expect(seen(ours)).toEqual(seen(real));
    expect(ours.code).toBe(real.code);
  });
});
