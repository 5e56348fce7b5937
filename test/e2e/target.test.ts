import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { anyPython } from '../support/pythons.ts';
import { offline, served } from './support/offline.ts';
import { sideBySide } from './support/tree.ts';
import { startWorld, type World } from './support/world.ts';
import type { Worker } from './support/worker.ts';

/*
 * What pip leaves behind when it moves what it installed to a `--target` (commands/install.py, _handle_target_dir).
 */

let world: World;
let worker: Worker;
const NAMES = ['with-libraries', 'beside-headers', 'both-ways', 'among-packages'] as const;

beforeAll(async () => {
  world = await startWorld();
  const site = `include/site/python${anyPython().minor}`;
  const data = (files: Record<string, string>): { data: { data: Record<string, string> } } => ({ data: { data: files } });
  const wheels: Record<(typeof NAMES)[number], Partial<Parameters<World['wheel']>[0]>> = {
    // As tbb 2021.13.1: its libraries stay in pip's temporary directory.
    'with-libraries': data({ 'lib/libx.so.1': 'ELF', 'lib/cmake/x.cmake': '', 'li/short.txt': '', 'libexec/x': '', 'share/x/doc.txt': '' }),
    'beside-headers': { data: { headers: { 'own.h': '' }, data: { [`${site}/other/other.h`]: '', [`${site}/loose.h`]: '', 'include/plain.h': '' } } },
    'both-ways': { files: { 'share/__init__.py': '' }, ...data({ 'share/both.txt': '' }) },
    'among-packages': data({ 'lib/python/among.py': '' }),
  };
  for (const name of NAMES) world.wheel({ name, version: '1', ...wheels[name] });
  worker = world.worker();
  await worker.fill(await world.venv(), NAMES.map((name) => `${name}==1`));
});
afterAll(async () => await world.stop());

it('what pip leaves behind makes no entry without it', async () => {
  const own = world.worker();
  const venv = await world.venv();
  await own.fill(venv, ['--target', join(venv.dir, 'there'), 'with-libraries==1', 'beside-headers==1']);
  expect(await own.cached()).toEqual(['beside-headers==1']);
});

it.each<[(typeof NAMES)[number], boolean, boolean]>([
  ['with-libraries', true, true],
  ['beside-headers', true, true],
  ['both-ways', true, false],
  ['among-packages', true, false],
])('%s: the same in an environment, and in a target', async (name, inEnvironment, inTarget) => {
  expect(await worker.cached()).toContain(`${name}==1`);
  const venv = await world.venv();
  for (const [args, isServed] of [[[], inEnvironment], [['--target', join(venv.dir, 'there')], inTarget]] as const) {
    const all = ['install', ...args, `${name}==1`];
    const ours = () => worker.pip(venv, all);
    const { pip, shim, expected, actual } = await sideBySide(venv, () => world.realPip(venv, all), isServed ? () => offline(world, ours) : ours);
    expect(pip.code).toBe(0);
    expect(shim).toMatchObject({ code: 0, stderr: pip.stderr });
    expect(served(shim.stdout)).toHaveLength(isServed ? 1 : 0);
    expect(actual).toEqual(expected);
  }
});
