import { accessSync, closeSync, constants, openSync, readFileSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { PkgCacheError } from '../../errors.ts';
import { findOnPath } from '../../on-path.ts';

/** The interpreter behind a `pip` command. */
export interface Interpreter {
  /** What `sys.executable` will be: goes into the shebangs of scripts. */
  readonly executable: string;
  /** The binary behind all symlinks: what facts are remembered by. */
  readonly binary: string;
  /** The virtual environment (a directory with `pyvenv.cfg`) that `executable` belongs to. */
  readonly venv: string | undefined;
  /** `include-system-site-packages` of that environment. */
  readonly systemSite: boolean;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The interpreter that runs the pip at `pip`: read from its shebang, as the kernel would; for pyenv's shims, pyenv is asked.
 * Throws UNRECOGNISED for anything that is not pip's own console script.
 */
export function interpreterOf(pip: string, env: Env): Interpreter {
  const script = readStart(pip);
  if (isPyenvShim(script)) return interpreterOf(askPyenv(script, basename(pip), env), env);
  if (!isPipScript(script)) throw unrecognised(`${pip} is not pip's own script`);
  return interpreterAt(shebangInterpreter(script, pip, env));
}

/** Whether a `pip` command is pip's own console script itself, rather than a version manager's shim, which does more than to start it. */
export function isConsoleScript(pip: string): boolean {
  return isPipScript(readStart(pip));
}

/**
 * The interpreter that pip's `--python` names: an executable, or a virtual environment's directory
 * (pip/_internal/cli/main_parser.py, identify_python_interpreter).
 */
export function interpreterNamed(python: string, cwd: string): Interpreter {
  // Python keeps `..` in the name of its executable in some places and not in others.
  if (python.split('/').includes('..')) throw unrecognised(`--python ${python}`);
  const path = resolve(cwd, python);
  if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) return interpreterAt(path);
  return interpreterAt(join(path, 'bin', 'python'));
}

function interpreterAt(executable: string): Interpreter {
  try {
    accessSync(executable, constants.X_OK);
  } catch (cause) {
    throw new PkgCacheError('UNRECOGNISED', `${executable} cannot be run`, { cause });
  }
  const binary = realpathSync(executable);
  // A script in the interpreter's place (a version manager's shim, a wrapper) decides anew each time it is run.
  if (readStart(binary, 2) === '#!') throw unrecognised(`${executable} is a script`);
  const venv = findVenv(executable);
  return { executable, binary, venv: venv?.directory, systemSite: venv?.systemSite ?? false };
}

/** What `uv venv --relocatable` writes: the interpreter that lies beside the script. */
const BESIDE = `'''exec' "$(dirname -- "$(realpath -- "$0")")"/`;

/** The two forms that pip writes (distlib, _build_shebang), that of a relocatable environment, and `env`. */
function shebangInterpreter(script: string, pip: string, env: Env): string {
  const [first = '', second = ''] = script.split('\n', 2);
  if (first === '#!/bin/sh') {
    const quoted = /^'''exec' (?:"([^"]+)"|(\S+)) "\$0" "\$@"$/.exec(second.trimEnd());
    const path = quoted?.[1] ?? quoted?.[2];
    if (path !== undefined) return path;
    const beside = second.startsWith(BESIDE) ? /^'(python[\d.]*)' "\$0" "\$@"$/.exec(second.slice(BESIDE.length).trimEnd())?.[1] : undefined;
    if (beside !== undefined) return join(dirname(realpathSync(pip)), beside);
  }
  const words = /^#!\s*(\S+)\s*(\S+)?\s*$/.exec(first.trimEnd());
  const path = words?.[1];
  if (path === undefined) throw unrecognised(`${pip} has no interpreter line`);
  if (basename(path) === 'env' && words?.[2] !== undefined) return findOnPath(words[2], env);
  if (words?.[2] !== undefined || !isAbsolute(path) || !/python|pypy/.test(basename(path))) {
    throw unrecognised(`${pip} is run by ${first.slice(2)}`);
  }
  return path;
}

/** pip 26.3 has renamed its entry point. */
const CALL = /^sys\.exit\((?:main|cli)\(\)\)$/;

/** Lines of the scripts that distlib, pip, uv, conda and Debian make for pip's entry point. A wrapper, which may do anything, has others. */
const SCRIPT_LINES = [
  /^(?:#.*|' ''')?$/,
  /^'''exec' .*$/,
  /^import (?:re|sys)(?:, ?(?:re|sys))?$/,
  /^from pip\._internal(?:\.cli\.main)? import (?:main|cli)$/,
  /^if __name__ == ["']__main__["']:$/,
  /^(?:el)?if sys\.argv\[0\]\.endswith\(["'][\w.-]*["']\):$/,
  /^sys\.argv\[0\] = (?:re\.sub\(r?["'][^"']*["'], ?["']{2}, ?sys\.argv\[0\]\)|sys\.argv\[0\](?:\.removesuffix\(["'][\w.-]*["']\)|\[:-\d+\]))$/,
  CALL,
];

function isPipScript(script: string): boolean {
  const lines = script.split('\n').map((line) => line.trim());
  return lines.some((line) => CALL.test(line)) && lines.every((line) => SCRIPT_LINES.some((pattern) => pattern.test(line)));
}

function isPyenvShim(script: string): boolean {
  return /^exec ".*\/pyenv" exec "\$program" "\$@"$/m.test(script);
}

/** `pyenv which` is asked each time: its answer depends on the directory, the environment and files above. */
function askPyenv(script: string, program: string, env: Env): string {
  const pyenv = /^exec "(.*\/pyenv)" exec/m.exec(script)?.[1];
  const root = /^export PYENV_ROOT="(.*)"$/m.exec(script)?.[1];
  if (pyenv === undefined) throw unrecognised('a pyenv shim of an unknown form');
  try {
    const output = process.getBuiltinModule('node:child_process').execFileSync(pyenv, ['which', program], {
      encoding: 'utf8',
      timeout: 10_000,
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...env, ...(root === undefined ? {} : { PYENV_ROOT: root }) },
    });
    return output.trim();
  } catch (cause) {
    throw new PkgCacheError('UNRECOGNISED', `pyenv knows no ${program} here`, { cause });
  }
}

/** PEP 405: `pyvenv.cfg` beside the executable or one directory above. */
function findVenv(executable: string): { directory: string; systemSite: boolean } | undefined {
  const bin = dirname(executable);
  for (const directory of [bin, dirname(bin)]) {
    let text: string;
    try {
      text = readFileSync(join(directory, 'pyvenv.cfg'), 'utf8');
    } catch {
      continue;
    }
    if (!/^\s*home\s*=/m.test(text)) continue;
    return { directory, systemSite: /^\s*include-system-site-packages\s*=\s*true\s*$/im.test(text) };
  }
  return undefined;
}

function readStart(path: string, length = 4096): string {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    throw new PkgCacheError('UNRECOGNISED', `${path} cannot be read`, { cause });
  }
  try {
    const bytes = Buffer.alloc(length);
    return bytes.subarray(0, readSync(fd, bytes, 0, length, 0)).toString('utf8');
  } finally {
    closeSync(fd);
  }
}

function unrecognised(message: string): PkgCacheError {
  return new PkgCacheError('UNRECOGNISED', message);
}
