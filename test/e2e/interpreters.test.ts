import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { debianPython, makeBasePython, makeOtherPip } from '../support/base-python.ts';
import { anyPython } from '../support/pythons.ts';
import { run, type Outcome } from '../support/run.ts';
import type { Venv } from '../support/venv.ts';
import { served } from './support/offline.ts';
import { treeOf } from './support/tree.ts';
import { startWorld, type World } from './support/world.ts';
import type { Worker } from './support/worker.ts';

/*
 * What is remembered of an interpreter and of its pip is what they would say now.
 */

let world: World;
let worker: Worker;

beforeAll(async () => {
  world = await startWorld();
  for (const name of ['lib-one', 'lib-two']) world.wheel({ name, version: '1', consoleScripts: [`${name} = ${name.replace('-', '_')}:main`] });
  worker = world.worker();
});
afterAll(async () => await world.stop());

/** `pip ARG…` of an installation that is no virtual environment, through the shim. */
const pip = (base: Venv, args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> =>
  worker.pip(base, ['install', '--root-user-action=ignore', ...args], { env });

describe('an installation of Python', () => {
  it('has on its path what `.pth` files name now, not what they named once', async () => {
    const base = makeBasePython(anyPython(), join(world.root, 'base-pth'));
    const elsewhere = join(world.root, 'elsewhere');
    await world.realPip(base, ['install', '--target', elsewhere, 'lib-one==1']);
    writeFileSync(join(base.sitePackages, 'elsewhere.pth'), `${elsewhere}\n`);
    expect((await pip(base, ['lib-one==1'])).stdout).toContain('Requirement already satisfied');
    rmSync(join(base.sitePackages, 'elsewhere.pth'));
    expect(await pip(base, ['lib-one==1'])).toMatchObject({ code: 0, stdout: expect.not.stringContaining('already satisfied') as string });
    expect(await run(base.python, ['-c', 'import lib_one'], { env: world.box.env })).toMatchObject({ code: 0 });
  });

  it('has on its path what code of `.pth` files and sitecustomize adds now', async () => {
    const base = makeBasePython(anyPython(), join(world.root, 'base-code'));
    const elsewhere = join(world.root, 'elsewhere-code');
    await world.realPip(base, ['install', '--target', elsewhere, 'lib-two==1']);
    for (const [name, code] of [
      ['added.pth', `import sys; sys.path.append(${JSON.stringify(elsewhere)})`],
      ['sitecustomize.py', `import sys\nsys.path.append(${JSON.stringify(elsewhere)})`],
    ] as const) {
      writeFileSync(join(base.sitePackages, name), `${code}\n`);
      expect((await pip(base, ['lib-two==1'])).stdout).toContain('Requirement already satisfied');
      rmSync(join(base.sitePackages, name));
      expect(await pip(base, ['lib-two==1'])).toMatchObject({ code: 0, stdout: expect.not.stringContaining('already satisfied') as string });
      await world.realPip(base, ['uninstall', '-y', 'lib-two']);
    }
  });
});

describe("the pip that runs is the first on Python's path", () => {
  it.each([
    ['PYTHONPATH', (home: string) => ({ directory: join(home, 'path'), env: { PYTHONPATH: join(home, 'path') } })],
    ["the user's site", (home: string) => ({ directory: join(home, `.local/lib/python${anyPython().minor}/site-packages`), env: {} })],
  ])('also that of %s', async (name, where) => {
    const base = makeBasePython(anyPython(), join(world.root, `base-${name.length}`));
    const home = join(world.root, `home-${name.length}`);
    const { directory, env } = where(home);
    const all = { HOME: home, ...env };
    makeOtherPip(base.sitePackages, directory);
    expect((await pip(base, ['lib-one==1'], all)).code).toBe(0);
    await worker.settle();
    execFileSync('cp', ['-a', base.dir, `${base.dir}.kept`]);
    const real = await world.realPip(base, ['install', '--force-reinstall', '--no-deps', 'lib-one==1'], { env: all });
    expect(real.code).toBe(0);
    const expected = readFileSync(join(base.bin, 'lib-one'), 'utf8');
    expect(expected).toContain('# made by another pip');
    await world.realPip(base, ['uninstall', '-y', 'lib-one'], { env: all });
    const outcome = await pip(base, ['lib-one==1'], all);
    expect(served(outcome.stdout)).toEqual(['lib-one==1']);
    expect(readFileSync(join(base.bin, 'lib-one'), 'utf8')).toBe(expected);
  });
});

const debian = debianPython();
if (debian === undefined) console.info("interpreters.test.ts: there is no Debian's Python with pip here, so its layouts are not tried");

describe.runIf(debian !== undefined)("Debian's layouts", () => {
  it('are those of the variable now, both ways round', async () => {
    const base = makeBasePython(debian!, join(world.root, 'base-debian'), 'lib/python3/dist-packages');
    const prefix = join(world.root, 'debian');
    const args = ['install', '--no-warn-script-location', '--prefix', prefix, 'lib-one==1', 'lib-two==1'];
    const left = (outcome: Outcome): object => {
      expect(outcome).toMatchObject({ code: 0 });
      const tree = treeOf(prefix);
      rmSync(prefix, { recursive: true });
      return tree;
    };
    const layouts = { local: {}, deb: { DEB_PYTHON_INSTALL_LAYOUT: 'deb' } };
    const expected = { local: left(await world.realPip(base, args)), deb: left(await world.realPip(base, args, { env: layouts.deb })) };
    expect(Object.keys(expected.deb)).not.toEqual(Object.keys(expected.local));
    for (const layout of ['local', 'deb', 'local', 'deb'] as const) {
      const outcome = await pip(base, args.slice(1), layouts[layout]);
      await worker.settle();
      expect(left(outcome)).toEqual(expected[layout]);
    }
    const again = await pip(base, ['-v', ...args.slice(1)], layouts.deb);
    expect(served(again.stdout), again.stdout).toEqual(['lib-one==1', 'lib-two==1']);
  });
});
