import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hazardOf } from '../../src/pip/refusals.ts';
import { tempDir } from '../cache/support.ts';
import { pythons } from '../support/pythons.ts';

// CPython's variables of 3.8 to 3.14: each either changes nothing of the bytecode that pip makes, or leaves the install to pip.

const SOURCE = `"""Documentation."""
import os
def function(a: int, *, b: "str" = 'x') -> list[int]:
    """More."""
    assert a, f"{a!r} of {b}"
    return [x for x in {1, 'two', 3.0, b'four'} if x in {'a', 'b', 'c', 'd'}]
class Class:
    LARGE = ${'9'.repeat(700)}
    def method(self): return __debug__, self.LARGE
`;

const INERT: Readonly<Record<string, string>> = {
  PYTHONASYNCIODEBUG: '1', PYTHONBREAKPOINT: '0', PYTHONCASEOK: '1', PYTHONCOERCECLOCALE: '0', PYTHONDEBUG: '1', PYTHONDEVMODE: '1',
  PYTHONDONTWRITEBYTECODE: '1', PYTHONFAULTHANDLER: '1', PYTHONIOENCODING: 'latin-1', PYTHONLEGACYWINDOWSSTDIO: '1', PYTHONMALLOC: 'debug',
  PYTHONMALLOCSTATS: '1', PYTHONNOUSERSITE: '1', PYTHONPERFSUPPORT: '0', PYTHONPROFILEIMPORTTIME: '1', PYTHONSAFEPATH: '1', PYTHONSTARTUP: '/no/such',
  PYTHONTRACEMALLOC: '1', PYTHONUNBUFFERED: '1', PYTHONUTF8: '1', PYTHONVERBOSE: '1', PYTHONWARNDEFAULTENCODING: '1', PYTHONWARNINGS: 'ignore',
  PYTHON_BASIC_REPL: '1', PYTHON_COLORS: '1', PYTHON_CONTEXT_AWARE_WARNINGS: '1', PYTHON_CPU_COUNT: '1', PYTHON_DISABLE_REMOTE_DEBUG: '1',
  PYTHON_FROZEN_MODULES: 'off', PYTHON_HISTORY: '/no/such', PYTHON_JIT: '0', PYTHON_PERF_JIT_SUPPORT: '0', PYTHON_THREAD_INHERIT_CONTEXT: '1', PYTHON_TLBC: '1',
};

const LEFT_TO_PIP: Readonly<Record<string, string>> = {
  PYTHONOPTIMIZE: '2', PYTHONNODEBUGRANGES: '1', PYTHONINTMAXSTRDIGITS: '640', PYTHONPYCACHEPREFIX: '/no/such', SOURCE_DATE_EPOCH: '1', PYTHONHOME: '/no/such',
  PYTHONPLATLIBDIR: 'lib64', PYTHONINSPECT: '1', PYTHON_PRESITE: 'x', PYTHONWARNINGS: 'ignore,e::DeprecationWarning',
};

/** As pip compiles (pip/_internal/operations/install/wheel.py, pyc_generator). PYTHONHASHSEED: sets are marshalled in the order of their hashes, any of which is right. */
const COMPILE = 'import compileall, sys; compileall.compile_file(sys.argv[1], force=True, quiet=True)';

function bytecode(python: string, directory: string, env: Readonly<Record<string, string>>): string {
  writeFileSync(join(directory, 'module.pyc'), '');
  const code = `${COMPILE}; import importlib.util, shutil; shutil.copy(importlib.util.cache_from_source(sys.argv[1]), sys.argv[2])`;
  execFileSync(python, ['-c', code, join(directory, 'module.py'), join(directory, 'module.pyc')], { env: { PATH: '/usr/bin:/bin', PYTHONHASHSEED: '0', ...env }, stdio: 'ignore' });
  return readFileSync(join(directory, 'module.pyc'), 'base64');
}

const tried = [pythons().find(({ minor }) => minor === '3.11'), pythons().at(-1)].filter((python) => python !== undefined);

describe.each(tried)('CPython $minor', ({ path }) => {
  it('makes the same bytecode, whatever these are', () => {
    const directory = tempDir();
    writeFileSync(join(directory, 'module.py'), SOURCE);
    const plain = bytecode(path, directory, {});
    const differing = Object.entries(INERT).filter(([name, value]) => bytecode(path, directory, { [name]: value }) !== plain);
    expect(differing.map(([name]) => name)).toEqual([]);
    expect(bytecode(path, directory, { PYTHONNODEBUGRANGES: '1' })).not.toBe(plain);
  });
});

it.each(Object.entries(INERT))('%s=%s: an install is served', (name, value) => expect(hazardOf({ [name]: value })).toBeUndefined());

it.each(Object.entries(LEFT_TO_PIP))('%s=%s: an install is left to pip', (name, value) => {
  expect(hazardOf({ [name]: value })).toBe(name);
  expect(hazardOf({ [name]: '' })).toBeUndefined();
});
