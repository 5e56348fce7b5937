import { appendFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findInstalled } from '../../../src/pip/installed.ts';
import { uninstall } from '../../../src/pip/place/uninstall.ts';
import { anyPython } from '../../support/pythons.ts';
import { makeVenv } from '../../support/venv.ts';
import { makeWheel } from '../../support/wheel.ts';
import { mustRun } from '../../support/run.ts';
import { treeOf } from '../../e2e/support/tree.ts';
import { scene, write } from '../../place/support.ts';

const TAG = 'cpython-312';
/** Long enough to be bytecode. */
const CODE = '0123456789abcdef';

/** A distribution `p` as pip leaves it, in `lib` below a directory that stands for a venv. */
function installed(files: Readonly<Record<string, string>>, record: readonly string[] = Object.keys(files)) {
  const rows = [...record, 'p-1.dist-info/RECORD'].map((path) => `${path.includes(',') ? `"${path}"` : path},,\r\n`).join('');
  const state = scene({ 'lib/other/x.py': '', 'bin/python': '' });
  const lib = join(state.target, 'lib');
  write(lib, { ...files, 'p-1.dist-info/RECORD': rows });
  const remove = (): void => uninstall(findInstalled([lib]).get('p')!, { cacheTag: TAG, scripts: join(state.target, 'bin'), venv: state.target }, state.undo);
  return { ...state, lib, remove, left: () => Object.keys(state.tree()).filter((path) => path.startsWith('lib/p') || path.startsWith('bin/')) };
}

it.each([
  ['its files and directories', { 'p/a.py': '', 'p/sub/b.txt': '' }, undefined, []],
  ['bytecode that RECORD does not know of', { 'p/a.py': '', [`p/__pycache__/a.${TAG}.pyc`]: CODE }, ['p/a.py'], []],
  ['but not bytecode of another Python', { 'p/a.py': '', 'p/__pycache__/a.cpython-38.pyc': CODE }, ['p/a.py'], ['lib/p', 'lib/p/__pycache__', 'lib/p/__pycache__/a.cpython-38.pyc']],
  ['but not what somebody has put there', { 'p/a.py': '', 'p/mine/data': '' }, ['p/a.py'], ['lib/p', 'lib/p/mine', 'lib/p/mine/data']],
  ['and directories that are empty', { 'p/a.py': '', 'p/deep/er/b.py': '' }, ['p/deep/er/b.py', 'p/a.py'], []],
  ['a script beside', { 'p/a.py': '', '../bin/tool': '' }, undefined, []],
  ['scripts of its entry points', { 'p-1.dist-info/entry_points.txt': '[console_scripts]\ntool = p:main\n', '../bin/tool': '' }, ['p-1.dist-info/entry_points.txt'], []],
  ['names with commas', { 'p/a,b.txt': '' }, undefined, []],
  ['what is gone already', { 'p/a.py': '' }, ['p/a.py', 'p/gone.py', 'p/gone/too.py'], []],
] as [string, Record<string, string>, string[] | undefined, string[]][])('takes away %s, and brings it back', (_what, files, record, left) => {
  const { remove, undo, tree, left: remains } = installed(files, record);
  const before = tree();
  remove();
  expect(remains().filter((path) => path !== 'bin/python')).toEqual(left);
  expect(tree()).toHaveProperty(['lib/other/x.py']);
  expect(undo.rollback()).toBe(true);
  expect(tree()).toEqual(before);
});

it('nothing outside of the environment, by whatever way', () => {
  const { remove, root, lib } = installed({ 'p/a.py': '' }, ['p/a.py', '../../outside/x', 'linked/x', '../../../etc/passwd']);
  write(root, { 'outside/x': '' });
  symlinkSync(join(root, 'outside'), join(lib, 'linked'));
  remove();
  expect(existsSync(join(root, 'outside/x'))).toBe(true);
});

it('a directory in RECORD is not taken away with what is in it', () => {
  const { remove, lib } = installed({ 'p/a.py': '', 'p/keep/x': '' }, ['p/a.py', 'p/keep']);
  mkdirSync(join(lib, 'p/empty'));
  remove();
  expect(existsSync(join(lib, 'p/keep/x'))).toBe(true);
});

it('leaves what a real pip leaves', async () => {
  const { root, undo } = scene({}, {}, { changed: 'venv' });
  const venv = await makeVenv(anyPython(), join(root, 'venv'));
  const { path } = makeWheel(join(root, 'wheels'), {
    name: 'p',
    version: '1',
    files: { 'p/__init__.py': '', 'p/sub/mod.py': '', 'ns/p/x.py': '', 'top.py': '' },
    consoleScripts: ['p = p:main'],
    data: { scripts: { 'p.sh': '#!python\n' }, data: { 'share/p/x': '' }, headers: { 'p.h': '' } },
  });
  const env = { PATH: '/usr/bin:/bin', HOME: root, PIP_DISABLE_PIP_VERSION_CHECK: '1' };
  const pip = (...args: string[]) => mustRun(venv.python, ['-m', 'pip', ...args], { env });
  const before = treeOf(venv.dir);
  await pip('install', '--no-index', path);
  write(venv.sitePackages, { 'ns/other.py': '', 'p/mine': '' });
  const { cacheTag } = { cacheTag: `cpython-${anyPython().minor.replace('.', '')}` };
  uninstall(findInstalled([venv.sitePackages]).get('p')!, { cacheTag, scripts: venv.bin, venv: venv.dir }, undo);
  const ours = treeOf(venv.dir);
  undo.rollback();
  await pip('uninstall', '-y', 'p');
  expect(Object.keys(ours).sort()).toEqual(Object.keys(treeOf(venv.dir)).sort());
  expect(Object.keys(ours).length).toBeGreaterThan(Object.keys(before).length);
});

it('what RECORD names by an absolute path, inside of the environment alone', () => {
  const { remove, lib, root } = installed({ 'p/a.py': '', 'p/absolute.txt': '' }, ['p/a.py']);
  write(root, { 'outside/x': '' });
  appendFileSync(join(lib, 'p-1.dist-info/RECORD'), `${join(lib, 'p/absolute.txt')},,\r\n${join(root, 'outside/x')},,\r\n`);
  remove();
  expect([join(lib, 'p/absolute.txt'), join(root, 'outside/x')].map((path) => existsSync(path))).toEqual([false, true]);
});
