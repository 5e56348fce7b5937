import { mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startIndex, type PackageIndex } from './index-server.ts';
import { anyPython } from './pythons.ts';
import { sandbox, type Sandbox } from './sandbox.ts';
import { makeSdist } from './sdist.ts';
import { makeVenv, type Venv } from './venv.ts';
import { makeWheel } from './wheel.ts';

let box: Sandbox;
let index: PackageIndex;
let venv: Venv;
let archives: string;

beforeAll(async () => {
  box = await sandbox({ shims: false });
  archives = join(box.root, 'archives');
  mkdirSync(archives);
  index = await startIndex(archives);
  venv = await makeVenv(anyPython(), join(box.root, 'venv'));
});

afterAll(async () => {
  await index.stop();
  box.dispose();
});

const pip = (...args: string[]) => box.run(join(venv.bin, 'pip'), args);
const install = (...args: string[]) => pip('install', '--index-url', index.url, ...args);

it('makes an environment whose pip is whole', async () => {
  expect(await pip('--version')).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining(venv.sitePackages) });
  expect(await pip('check')).toMatchObject({ code: 0 });
  const script = readFileSync(join(venv.bin, 'pip'), 'utf8');
  expect(script.startsWith(`#!${venv.bin}/python`)).toBe(true);
});

it('builds wheels that pip installs with all their parts', async () => {
  makeWheel(archives, { name: 'Other.Name', version: '2.0' });
  const wheel = makeWheel(archives, {
    name: 'sample',
    version: '1.0',
    requiresDist: ['other-name>=1', 'absent; extra == "more"'],
    extras: ['more'],
    consoleScripts: ['sample = sample:main'],
    files: { 'sample/__init__.py': 'def main(): print("ran")\n', 'sample/tool': 'x' },
    executables: ['sample/tool', 'sample-1.0.data/scripts/sample-sh'],
    data: { scripts: { 'sample-sh': '#!python\nprint("script")\n' }, data: { 'share/sample.txt': 'x' }, headers: { 'sample.h': '' } },
  });
  const hashes = [wheel, makeWheel(archives, { name: 'Other.Name', version: '2.0' })].map(({ sha256 }) => `--hash=sha256:${sha256}`);
  expect(hashes[0]).not.toBe(hashes[1]);

  expect(await install('sample')).toMatchObject({ code: 0, stderr: '' });
  expect((await box.run(join(venv.bin, 'sample'))).stdout).toBe('ran\n');
  expect((await box.run(join(venv.bin, 'sample-sh'))).stdout).toBe('script\n');
  expect(readdirSync(join(venv.dir, 'share'))).toEqual(['sample.txt']);
  expect(await pip('check')).toMatchObject({ code: 0 });
  expect(index.requests).toContain('GET /simple/sample/');
  expect(index.requests).toContain('GET /simple/other-name/');
});

it('builds sdists that pip builds without an index', async () => {
  makeSdist(archives, { name: 'built', version: '3' });
  expect(await install('built')).toMatchObject({ code: 0 });
  expect((await pip('freeze')).stdout).toContain('built==3\n');
});

it('serves what an index says about files', async () => {
  makeWheel(archives, { name: 'picky', version: '1' });
  makeWheel(archives, { name: 'picky', version: '2', requiresPython: '<3' });
  const yanked = makeWheel(archives, { name: 'picky', version: '1.5' });
  index.yank(yanked.filename, 'broken');
  await install('picky');
  expect((await pip('freeze')).stdout).toContain('picky==1\n');
  const pinned = await install('picky==1.5');
  expect(pinned.stderr).toContain('broken');
});

it('can be out of reach', async () => {
  await index.down();
  const { code, stderr } = await install('--retries=0', 'sample==9');
  expect(code).toBe(1);
  expect(stderr).toContain('No matching distribution');
  await index.up();
  expect(await install('--force-reinstall', 'picky==1')).toMatchObject({ code: 0 });
});
