import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anyPython } from '../support/pythons.ts';
import { makeSdist } from '../support/sdist.ts';
import type { Outcome } from '../support/run.ts';
import type { Venv } from '../support/venv.ts';
import type { BuiltArchive } from '../support/wheel.ts';
import { offline, served } from './support/offline.ts';
import { sideBySide } from './support/tree.ts';
import { startWorld, type World } from './support/world.ts';
import type { Env, Worker } from './support/worker.ts';

let world: World;
let worker: Worker;
let tool: BuiltArchive;
let lib: BuiltArchive;
let source: BuiltArchive;

const SET = ['tool==1.0', 'lib==1.0'];

beforeAll(async () => {
  world = await startWorld();
  tool = world.wheel({
    name: 'tool',
    version: '1.0',
    requiresDist: ['lib', 'more; extra == "plus"', 'absent; python_version < "3"'],
    extras: ['plus'],
    consoleScripts: ['tool = tool:main'],
    data: { data: { 'share/tool.txt': 'x' }, headers: { 'tool.h': '' } },
  });
  source = makeSdist(world.archives, { name: 'tool', version: '1.0' });
  lib = world.wheel({ name: 'lib', version: '1.0' });
  world.wheel({ name: 'lib', version: '2.0' });
  world.wheel({ name: 'more', version: '1.0' });
  worker = world.worker();
  await worker.fill(await world.venv(), [...SET, 'more==1.0']);
});

afterAll(async () => await world.stop());

const write = (name: string, text: string): string => {
  const path = join(world.root, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
};

const made = (path: string): string => {
  mkdirSync(path, { recursive: true });
  return path;
};

type Command = (venv: Venv) => { args: readonly string[]; env?: Env; cwd?: string };

/** Installs by both and expects that the shim needed no index. */
async function expectSame(command: Command, names: readonly string[]): Promise<Outcome> {
  const venv = await world.venv();
  const { args, env = {}, cwd = world.box.home } = command(venv);
  const { pip, shim, expected, actual } = await sideBySide(
    venv,
    () => world.realPip(venv, args, { env, cwd }),
    () => offline(world, () => worker.pip(venv, args, { env, cwd })),
  );
  expect(pip).toMatchObject({ code: 0 });
  expect(shim).toMatchObject({ code: 0, stderr: pip.stderr });
  expect(served(shim.stdout).sort()).toEqual(names);
  expect(shim.stdout.split('\n').filter((line) => line.startsWith('Successfully'))).toEqual(pip.stdout.split('\n').filter((line) => line.startsWith('Successfully')));
  expect(actual).toEqual(expected);
  return pip;
}

const both = ['lib==1.0', 'tool==1.0'];

describe('where to', () => {
  it.each<[string, Command]>([
    ['--target', ({ dir }) => ({ args: ['install', '--target', join(dir, 'there'), ...SET] })],
    ['--prefix', ({ dir }) => ({ args: ['install', `--prefix=${join(dir, 'there')}`, ...SET] })],
    ['--root', ({ dir }) => ({ args: ['install', '--root', join(dir, 'there'), ...SET] })],
    ['--target that is there, and empty', ({ dir }) => ({ args: ['install', '--target', made(join(dir, 'there')), ...SET] })],
    ['PIP_TARGET', ({ dir }) => ({ args: ['install', ...SET], env: { PIP_TARGET: join(dir, 'there') } })],
  ])('%s', async (_name, command) => {
    await expectSame(command, both);
  });

  it('--python', async () => {
    const other = await world.venv();
    const venv = await world.venv();
    const args = ['--python', venv.python, 'install', ...SET];
    const { shim, expected, actual } = await sideBySide(
      venv,
      () => world.realPip(other, args),
      () => offline(world, () => worker.pip(other, args)),
    );
    expect(served(shim.stdout)).toHaveLength(2);
    expect(actual).toEqual(expected);
  });

  it('--user, of an interpreter without an environment', async () => {
    const base = { dir: join(world.root, 'user-base'), bin: dirname(anyPython().path) };
    mkdirSync(base.dir);
    const env = { PYTHONUSERBASE: base.dir };
    const args = ['install', '--user', '--root-user-action=ignore', '--no-warn-script-location', ...SET];
    const { pip, shim, expected, actual } = await sideBySide(
      base,
      () => world.realPip(base as Venv, args, { env }),
      () => offline(world, () => worker.pip(base as Venv, args, { env })),
    );
    expect(pip.stderr).toBe('');
    expect(shim).toMatchObject({ code: 0, stderr: '' });
    expect(served(shim.stdout)).toHaveLength(2);
    expect(actual).toEqual(expected);
  });
});

describe('--target is left to pip, all of it,', () => {
  it.each<[string, readonly string[], (target: string) => void]>([
    ['if something is there', SET, (target) => writeFileSync(join(made(target), 'notes.txt'), '')],
    ['if the same is there', SET, (target) => writeFileSync(join(made(join(target, 'lib')), '__init__.py'), 'mine')],
    ['if a part is not cached', ['more==1.0', 'lib==2.0'], () => undefined],
  ])('%s', async (_why, set, prepare) => {
    const venv = await world.venv();
    const target = join(venv.dir, 'there');
    prepare(target);
    const args = ['install', '--target', target, ...set];
    const { pip, shim, expected, actual } = await sideBySide(venv, () => world.realPip(venv, args), () => worker.pip(venv, args));
    expect(pip.code).toBe(0);
    expect({ code: shim.code, stderr: shim.stderr, served: served(shim.stdout) }).toEqual({ code: 0, stderr: pip.stderr, served: [] });
    expect(actual).toEqual(expected);
  });
});

describe('a warning about scripts that are not on PATH', () => {
  it.each<[string, RegExp, (venv: Venv) => { root: string; env?: Env }]>([
    ['a relative --root', /installed in 'there\/.*\/bin' which/, () => ({ root: 'there' })],
    ['one that is not in normal form', /installed in '\.\/x\/\.\.\/there\/[^/].*\/bin' which/, ({ dir }) => (made(join(dir, 'x')), { root: './x/../there/' })],
    ['a PATH with a tilde', /NOTE: The current PATH contains path\(s\) starting with `~`/, ({ bin }) => ({ root: 'there', env: { PATH: `${bin}:/usr/bin:/bin:~/bin` } })],
    ['a PATH that has it, but for a relative --root', /installed in 'there\/.*\/bin' which/, ({ dir, bin }) => ({ root: 'there', env: { PATH: `${bin}:/usr/bin:/bin:${dir}/there${bin}` } })],
    ['a PATH that has it', /^$/, ({ dir, bin }) => ({ root: `${dir}/there`, env: { PATH: `${bin}:/usr/bin:/bin:${dir}/there${bin}/` } })],
  ])("is pip's: %s", async (_what, text, command) => {
    const { stderr } = await expectSame((venv) => {
      const { root, env = {} } = command(venv);
      const PATH = env['PATH'];
      return { args: ['install', '--root', root, ...SET], cwd: venv.dir, env: PATH === undefined ? {} : { PATH: `${worker.shims}:${PATH}` } };
    }, both);
    expect(stderr).toMatch(text);
  });

  it("is pip's: --user", async () => {
    const base = { dir: made(join(world.root, 'user-scripts')), bin: dirname(anyPython().path) } as Venv;
    const env = { PYTHONUSERBASE: `${base.dir}//.` };
    const args = ['install', '--user', '--root-user-action=ignore', ...SET];
    const { pip, shim } = await sideBySide(
      base,
      () => world.realPip(base, args, { env }),
      () => offline(world, () => worker.pip(base, args, { env })),
    );
    expect(served(shim.stdout)).toHaveLength(2);
    expect(pip.stderr).toContain(`The script tool is installed in '${base.dir}/bin' which is not on PATH.`);
    expect(shim.stderr).toBe(pip.stderr);
  });
});

describe('what', () => {
  it.each<[string, readonly string[], Command]>([
    ['--no-deps', ['tool==1.0'], () => ({ args: ['install', '--no-deps', 'tool==1.0'] })],
    ['a constraint that pins a dependency', ['lib', 'tool==1.0'], () => ({ args: ['install', 'tool==1.0', '-c', write('c.txt', 'lib==1.0\nunrelated<3\n')] })],
    ['PIP_CONSTRAINT', ['lib', 'tool==1.0'], () => ({ args: ['install', 'tool==1.0'], env: { PIP_CONSTRAINT: write('c.txt', 'lib==1.0\n') } })],
    ['extras and markers', ['lib==1.0', 'more==1.0', 'tool[plus]==1.0'], () => ({ args: ['install', 'tool[plus]==1.0', 'lib==1.0; python_version >= "3"', 'more==1.0', 'none==1; python_version < "3"'] })],
    [
      'nested requirement files',
      both,
      () => {
        write('nested/lib.txt', '# a comment\nlib==${LIB_VERSION}\n');
        return { args: ['install', '-r', write('set.txt', 'tool \\\n  ==1.0 # the tool\r\n-r nested/lib.txt\n')], env: { LIB_VERSION: '1.0' } };
      },
    ],
    ['hashes', both, () => ({ args: ['install', '-r', write('hashed.txt', `tool==1.0 --hash=sha256:${tool.sha256}\nlib==1.0 --hash=sha256:${lib.sha256} --hash=sha256:${'0'.repeat(64)}\n`)] })],
    ['an empty PIP_FIND_LINKS', both, () => ({ args: ['install', ...SET], env: { PIP_FIND_LINKS: dirname(write('links/README', '')) } })],
    ['a config file', ['tool==1.0'], () => ({ args: ['install', 'tool==1.0'], env: { PIP_CONFIG_FILE: write('pip.conf', '[global]\nno-deps = no\n[install]\nno-deps = yes\n') } })],
  ])('%s', async (_name, names, command) => {
    await expectSame(command, [...names].sort());
  });

  it("--no-compile, in the environment's own config file, has entries of its own", async () => {
    const withConfig = async (): Promise<Venv> => {
      const venv = await world.venv();
      // In pip's configuration it is `false` that switches such an option on.
      writeFileSync(join(venv.dir, 'pip.conf'), '[install]\nno-compile = false\n');
      return venv;
    };
    await worker.fill(await withConfig(), SET);
    const venv = await withConfig();
    const { shim, expected, actual } = await sideBySide(
      venv,
      () => world.realPip(venv, ['install', ...SET]),
      () => offline(world, () => worker.pip(venv, ['install', ...SET])),
    );
    expect(served(shim.stdout)).toHaveLength(2);
    expect(actual).toEqual(expected);
    expect(Object.keys(actual).filter((path) => /site-packages\/(tool|lib)\/.*\.pyc$/.test(path))).toEqual([]);
  });

  it('serves nothing that has not the hash: pip refuses a wrong one, and fetches another archive of the same version', async () => {
    const venv = await world.venv();
    const wrong = ['install', '-r', write('wrong.txt', `lib==1.0 --hash=sha256:${'0'.repeat(64)}\n`)];
    const refused = await worker.pip(venv, wrong);
    expect(refused).toEqual(await world.realPip(venv, wrong));
    expect(refused.stderr).toContain('THESE PACKAGES DO NOT MATCH THE HASHES');
    const other = await worker.pip(venv, ['install', '--no-deps', '-r', write('other.txt', `tool==1.0 --hash=sha256:${source.sha256}\n`)]);
    expect(other).toMatchObject({ code: 0, stdout: expect.stringContaining('tool-1.0.tar.gz') });
    expect(served(other.stdout)).toEqual([]);
    const unhashed = ['install', '--require-hashes', 'more==1.0'];
    expect(await worker.pip(venv, unhashed)).toEqual(await world.realPip(venv, unhashed));
  });

  it('does not take what `===` brought for what `==` would', async () => {
    for (const version of ['1.0', '1.0+gpu']) world.wheel({ name: 'chip', version });
    const other = world.worker();
    const exactly = await world.venv();
    await other.fill(exactly, ['chip===1.0', SET[1]!]);
    expect(await other.cached()).toEqual(['lib==1.0']);
    const { stdout } = await other.pip(await world.venv(), ['install', 'chip==1.0']);
    expect(stdout).toContain('Successfully installed chip-1.0+gpu');
  });
});

describe('how much is said', () => {
  it('nothing with -q, and with -v why each package is a hit or a miss', async () => {
    expect(await worker.pip(await world.venv(), ['install', '-q', ...SET])).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const loud = await worker.pip(await world.venv(), ['install', '-v', ...SET]);
    expect(loud.stdout).toContain('Using tool-1.0-py3-none-any.whl');
    const mixed = await worker.pip(await world.venv(), ['install', '-v', ...SET, 'lib-two==1']);
    expect(mixed.stdout).toContain('pkg-cache: tool==1.0: hit (cached)');
    expect(mixed.stdout).toContain('pkg-cache: lib-two==1: miss');
    const open = await worker.pip(await world.venv(), ['install', '-v', 'tool==1.0']);
    expect(open.stdout).toContain('pkg-cache: left to pip: tool==1.0 needs lib, which is neither in the set nor installed');
  });

  it('with -v first of all which pip it is, and with --python which interpreter', async () => {
    const other = await world.venv();
    symlinkSync(made(join(world.root, 'elsewhere')), join(world.root, 'a-link'));
    const venv = await world.venv('a-link/env');
    for (const args of [['-v', 'install', ...SET], ['--python', other.python, 'install', '-v', ...SET]]) {
      const hit = await worker.pip(venv, args);
      expect(served(hit.stdout).sort()).toEqual(both);
      const again = await offline(world, () => worker.pip(venv, args));
      const pip = await world.realPip(venv, args);
      expect(pip.stdout).toMatch(/^Using pip .* \(python \d+\.\d+\)\n/);
      expect(hit.stdout.split('\n')[0]).toBe(pip.stdout.split('\n')[0]);
      expect(again).toMatchObject({ code: 0, stdout: pip.stdout.replace(/^Looking in .*\n/m, '') });
    }
  });
});
