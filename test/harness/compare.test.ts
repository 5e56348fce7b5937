import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { copyInto } from '../support/copy.ts';
import { anyPython } from '../support/pythons.ts';
import { mustRun } from '../support/run.ts';
import { makeVenv, type Venv } from '../support/venv.ts';
import { makeWheel } from '../support/wheel.ts';
import { compareTrees, describeDifferences, snapshotTree, type Difference } from './compare.ts';

const python = anyPython();
let root: string;
let made: Venv[];
let first: string;
let second: string;
let site: string;

/** Two environments, at paths of different length, into which pip installed the same. */
beforeAll(async () => {
  root = mkdtempSync(join(realpathSync(tmpdir()), 'pkg-cache-compare-'));
  const wheel = makeWheel(root, {
    name: 'sample',
    version: '1.0',
    consoleScripts: ['sample = sample:main'],
    files: { 'sample/__init__.py': 'def main():\n    return {1.0, "a"} | {float("nan")}\n', 'sample/data.txt': 'x', 'sample/bad.py': '(' },
  });
  made = await Promise.all(['made-1', 'made-number-2'].map((name) => makeVenv(python, join(root, name))));
  for (const { python: interpreter } of made) {
    const env = { PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_CONFIG_FILE: '/dev/null', HOME: root };
    const pip = (...args: string[]) => mustRun(interpreter, ['-m', 'pip', ...args], { env });
    await pip('install', '--quiet', '--no-index', wheel.path);
    await pip('uninstall', '--quiet', '--yes', 'setuptools', 'pip'); // hundreds of files, which say nothing here
  }
});

beforeEach(async () => {
  first = made[0]!.dir;
  second = join(root, 'second');
  rmSync(second, { recursive: true, force: true });
  mkdirSync(second);
  await copyInto(made[1]!.dir, second);
  site = join(second, `lib/python${python.minor}/site-packages`);
});

afterAll(() => rmSync(root, { recursive: true, force: true }));

const differences = (): Difference[] => compareTrees(snapshotTree(first), snapshotTree(second, made[1]!.dir), python.path);
const SITE = `lib/python${python.minor}/site-packages`;
const PYC = `${SITE}/sample/__pycache__/__init__.cpython-${python.minor.replace('.', '')}.pyc`;

it('finds none between two installations by pip', () => {
  expect(describeDifferences(differences())).toEqual([]);
});

it('finds none between an installation by pip and one after the other at the same path', () => {
  const moved = join(root, 'moved');
  renameSync(second, moved);
  const a = snapshotTree(moved, made[1]!.dir);
  expect(describeDifferences(compareTrees(a, snapshotTree(made[1]!.dir), python.path))).toEqual([]);
  rmSync(moved, { recursive: true });
});

it.each<[string, () => void, string, Difference['what']]>([
  ['a file more', () => writeFileSync(join(site, 'more.py'), ''), `${SITE}/more.py`, 'only in the second'],
  ['a file less', () => unlinkSync(join(site, 'sample/data.txt')), `${SITE}/sample/data.txt`, 'only in the first'],
  ['an empty directory more', () => mkdirSync(join(site, 'empty')), `${SITE}/empty`, 'only in the second'],
  ['other bytes', () => writeFileSync(join(site, 'sample/data.txt'), 'y'), `${SITE}/sample/data.txt`, 'bytes'],
  ['another mode', () => chmodSync(join(site, 'sample/data.txt'), 0o600), `${SITE}/sample/data.txt`, 'mode'],
  ['the mode of a directory', () => chmodSync(join(site, 'sample'), 0o700), `${SITE}/sample`, 'mode'],
  ['a link for a file', () => replaceByLink('data.txt', '__init__.py'), `${SITE}/sample/data.txt`, 'kind'],
  ['another target', () => retarget('python3', 'elsewhere'), 'bin/python3', 'target'],
  ['another script', () => writeFileSync(join(second, 'bin/sample'), '#!/bin/sh\n'), 'bin/sample', 'bytes'],
  ['another INSTALLER', () => writeFileSync(join(site, 'sample-1.0.dist-info/INSTALLER'), 'uv'), `${SITE}/sample-1.0.dist-info/INSTALLER`, 'bytes'],
  ['bytecode of other code', () => compile('def main():\n    return {1.0, "b"} | {float("nan")}\n'), PYC, 'bytecode'],
  ['bytecode on other lines', () => compile('def main():\n\n    return {1.0, "a"} | {float("nan")}\n'), PYC, 'bytecode'],
  ['bytecode older than its source', () => utimesSync(join(site, 'sample/__init__.py'), 1, 1), PYC, 'stale bytecode'],
])('finds %s', (_name, change, path, what) => {
  change();
  expect(differences().filter((difference) => difference.path === path).map((difference) => difference.what)).toContain(what);
});

it('finds a RECORD that is not true of a script, though the scripts may differ', () => {
  const record = join(site, 'sample-1.0.dist-info/RECORD');
  writeFileSync(join(second, 'bin/sample'), `#!${made[1]!.bin}/python\nother\n`);
  expect(differences().map(({ path }) => path)).toEqual(['bin/sample', `${SITE}/sample-1.0.dist-info/RECORD`]);
  writeFileSync(record, '');
  expect(differences().map(({ what }) => what)).toEqual(['bytes', 'bytes']);
});

function replaceByLink(name: string, target: string): void {
  unlinkSync(join(site, 'sample', name));
  symlinkSync(target, join(site, 'sample', name));
}

function retarget(name: string, target: string): void {
  unlinkSync(join(second, 'bin', name));
  symlinkSync(target, join(second, 'bin', name));
}

/** Compiles another source in the place of the package's, which itself stays. */
function compile(source: string): void {
  const file = join(root, 'other.py');
  writeFileSync(file, source);
  const script = 'import py_compile, sys; py_compile.compile(sys.argv[1], sys.argv[2], doraise=True)';
  execFileSync(python.path, ['-c', script, file, join(second, PYC)]);
}
