import { appendFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Venv } from '../support/venv.ts';
import { offline, served } from './support/offline.ts';
import { sideBySide } from './support/tree.ts';
import type { Worker } from './support/worker.ts';
import { startWorld, type World } from './support/world.ts';

let world: World;
let worker: Worker;

beforeAll(async () => {
  world = await startWorld();
  for (const name of ['plain', 'other-plain']) world.wheel({ name, version: '1.0' });
  world.wheel({ name: 'early', version: '1.0-alpha-1', stem: 'early-1.0a1' });
  world.wheel({ name: 'local-label', version: '1.0+cpu.1', infoStem: 'local_label-1.0_cpu.1' });
  worker = world.worker();
  await worker.fill(await world.venv(), ['plain==1.0', 'other-plain==1.0', 'early==1.0a1', 'local-label==1.0+cpu.1']);
});

afterAll(async () => await world.stop());

/** Runs the same command with both pips, the second one without an index: all of it has to be the same, but for the lines that say what came from where. */
async function expectSame(venv: Venv, args: readonly string[], more: Readonly<Record<string, string>> = {}): Promise<void> {
  const { pip, shim, expected, actual } = await sideBySide(
    venv,
    () => world.realPip(venv, ['install', ...args], { env: more }),
    () => offline(world, () => worker.pip(venv, ['install', ...args], { env: more })),
  );
  expect({ code: shim.code, stderr: shim.stderr, last: lastLine(shim.stdout) }).toEqual({ code: 0, stderr: pip.stderr, last: lastLine(pip.stdout) });
  expect(actual).toEqual(expected);
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}

/** Puts a distribution into an environment by hand. */
function putInfo(venv: Venv, name: string, files: Readonly<Record<string, string>>): void {
  const info = join(venv.sitePackages, name);
  mkdirSync(info);
  for (const [file, text] of Object.entries(files)) writeFileSync(join(info, file), text);
}

it('caches what a directory in site-packages has another version of than METADATA', async () => {
  expect(worker.log().filter((line) => line.startsWith('not cached'))).toEqual([]);
  expect(await worker.cached()).toContain('local-label==1.0+cpu.1');
});

it('writes versions as pip does in the last line', async () => {
  await expectSame(await world.venv(), ['early==1.0a1']);
});

it('takes the same name twice, in different case', async () => {
  await expectSame(await world.venv(), ['Plain==1.0', 'plain==1.0']);
});

it('serves ===', async () => {
  await expectSame(await world.venv(), ['plain===1.0']);
});

it.each(['plain===1.0.0', 'plain===1'])('leaves %s to pip, which finds nothing', async (requirement) => {
  const venv = await world.venv();
  expect(await worker.pip(venv, ['install', requirement])).toMatchObject({ code: 1, stderr: expect.stringContaining('No matching distribution') as string });
});

it('warns as pip does of links that lead nowhere, for each project that is looked for', async () => {
  const venv = await world.venv();
  await world.realPip(venv, ['install', 'plain==1.0']);
  await expectSame(venv, ['plain==1.0', 'other-plain==1.0', 'early==1.0a1', '--find-links', 'file:///no/such/place'], { PIP_FIND_LINKS: '/no/wheels wheels' });
});

it('warns as pip does of a hash without a requirement', async () => {
  const file = join(world.root, 'hashes.txt');
  writeFileSync(file, `plain==1.0\n--hash=sha256:${'a'.repeat(64)}\n`);
  await expectSame(await world.venv(), ['-r', file]);
});

it('serves beside a project that is there as dist-info and egg-info, as Debian has it, and leaves that one to pip', async () => {
  const venv = await world.venv();
  const metadata = 'Metadata-Version: 2.1\nName: both\nVersion: 1.0\nRequires-Dist: absent\n';
  putInfo(venv, 'both-1.0.dist-info', { METADATA: metadata, RECORD: '', INSTALLER: 'debian\n' });
  putInfo(venv, 'both-1.0.egg-info', { 'PKG-INFO': metadata, 'requires.txt': 'absent\n' });
  await expectSame(venv, ['plain==1.0']);
  const { stdout } = await worker.pip(venv, ['install', '-v', 'both==1.0', '--no-deps']);
  expect(stdout).toContain('pkg-cache: left to pip: both is installed more than once in ');
});

it('names the installed project whose requirements pip warns about, and serves where it does not look at them', async () => {
  const venv = await world.venv();
  putInfo(venv, 'legacy-1.0.dist-info', { METADATA: 'Metadata-Version: 2.1\nName: legacy\nVersion: 1.0\nRequires-Dist: absent (>dev)\n', RECORD: '' });
  await expectSame(venv, ['--no-deps', 'plain==1.0']);
  const { stdout } = await worker.pip(venv, ['install', '-v', 'other-plain==1.0']);
  expect(stdout).toContain('pkg-cache: left to pip: pip warns about the installed legacy 1.0, which needs "absent (>dev)"');
});

it('caches once more what failed a check, when it was downloaded again', async () => {
  const own = world.worker();
  const damage = async (): Promise<void> => {
    const [row] = await own.rows();
    appendFileSync(join(row!.path, 'tree/purelib/plain/__init__.py'), 'x = 1\n');
  };
  await own.fill(await world.venv(), ['plain==1.0']);
  await damage();
  await own.fill(await world.venv(), ['plain==1.0']);
  const again = await own.pip(await world.venv(), ['install', 'plain==1.0']);
  expect(served(again.stdout)).toEqual(['plain==1.0']);
  await own.settle();
});

it('serves an environment whose scripts look for the interpreter beside them', async () => {
  const venv = await world.venv();
  const script = readFileSync(join(venv.bin, 'pip'), 'utf8').split('\n').slice(1);
  const start = ['#!/bin/sh', `'''exec' "$(dirname -- "$(realpath -- "$0")")"/'python' "$0" "$@"`, "' '''"];
  writeFileSync(join(venv.bin, 'pip'), [...start, ...script].join('\n'));
  await expectSame(venv, ['plain==1.0']);
});

it('says at a flush what was not cached, and why, once', async () => {
  const own = world.worker();
  const odd = (name: string, rest: Partial<Parameters<World['wheel']>[0]>): unknown => world.wheel({ name, version: '1', files: { [`${name}.txt`]: name, [`${name}.py`]: '' }, ...rest });
  odd('marked', { files: { 'marked-1.dist-info/REQUESTED': 'by me' } });
  odd('weak', { record: (rows) => rows.map((row) => row.replace(/^(weak\.txt),.*/, '$1,md5=x,4')) });
  const venv = await world.venv();
  expect(await own.pip(venv, ['install', 'marked', 'weak', 'plain'])).toMatchObject({ code: 0 });
  const { code, stderr } = await own.cli(['flush']);
  expect({ code, lines: stderr.trimEnd().split('\n').sort() }).toEqual({
    code: 0,
    lines: [
      'pkg-cache: not cached: marked==1: the wheel brings a REQUESTED of its own',
      'pkg-cache: not cached: weak==1: weak.txt is not what RECORD says',
    ],
  });
  expect(await own.cached()).toEqual(['plain==1.0']);
  expect(await own.cli(['flush'])).toMatchObject({ code: 0, stderr: '' });
  expect(readdirSync(join(own.cache, 'v1/staging'))).toEqual([]);
});
