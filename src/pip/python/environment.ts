import { existsSync, readFileSync, statSync } from 'node:fs';
import { release, version as kernelVersion } from 'node:os';
import { join, resolve } from 'node:path';
import { PkgCacheError } from '../../errors.ts';
import { sha256 } from '../../hash.ts';
import type { MarkerEnvironment } from '../recognise/markers.ts';
import { INTERPRETER_FACTS, PIP_FACTS, askInterpreter, askPip, isCurrent, remembered, type InterpreterFacts, type PipFacts } from './facts.ts';
import type { Interpreter } from './interpreter.ts';
import { isStandardLibrary, withPthDirectories } from './pth.ts';

/** An interpreter, what is known about it, and the pip that will work for it. */
export interface PythonEnvironment {
  readonly interpreter: Interpreter;
  readonly facts: InterpreterFacts;
  readonly markers: MarkerEnvironment;
  /** Directories in which installed distributions are looked for, in the order of `sys.path`. */
  readonly sitePaths: readonly string[];
  readonly pip: RunningPip;
}

/** The pip that was called: its own interpreter's, also when `--python` names another one. */
export interface RunningPip extends PipFacts {
  readonly version: string;
  readonly directory: string;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Where answers of interpreters and pips are remembered; undefined: they are asked every time. */
export type Memory = (name: string) => string;

/**
 * Facts about an interpreter, remembered by the path, size and time of its binary, and as long as they would be the same (`isCurrent`).
 * Where its own pip would install is of no interest to a virtual environment that does not see it, and takes half a second to find out.
 */
export function factsOf(interpreter: Interpreter, memory: Memory, env: Env): InterpreterFacts {
  const { size, mtimeMs } = statSync(interpreter.binary);
  const withPip = interpreter.venv === undefined || interpreter.systemSite;
  const file = memory(join('interpreters', `${sha256(interpreter.binary).slice(0, 32)}${withPip ? '' : '-venv'}.json`));
  const ask = (): InterpreterFacts => askInterpreter(interpreter.binary, withPip, env);
  return remembered(file, `${interpreter.binary}:${size}:${mtimeMs}`, INTERPRETER_FACTS, ask, (facts) => isCurrent(facts, env));
}

/** What an interpreter is asked in: the caller's environment, and his home directory. */
export interface Caller {
  readonly env: Env;
  readonly home: string;
}

/**
 * Finds the pip package that `interpreter` would import, the first of its `sitePaths` (`sitePathsOf`), which may be that of PYTHONPATH or
 * of the user's site, and asks it what only it knows, remembered by its sources' hash.
 * Throws UNRECOGNISED for a pip without `--report` (before 23.0 it was experimental and said so on each use).
 */
export function pipOf(interpreter: Interpreter, sitePaths: readonly string[], env: Env, memory: Memory): RunningPip {
  const directory = sitePaths.find((path) => existsSync(join(path, 'pip', '__init__.py')));
  if (directory === undefined) throw new PkgCacheError('UNRECOGNISED', `${interpreter.executable} has no pip`);
  const read = (...path: string[]): string => readFileSync(join(directory, 'pip', ...path), 'utf8');
  const version = /^__version__ = "([^"]+)"$/m.exec(read('__init__.py'))?.[1];
  if (version === undefined || Number.parseInt(version, 10) < 23) {
    throw new PkgCacheError('UNRECOGNISED', `pip ${version ?? 'of an unknown version'} is too old: 23.0 is the first that is served`);
  }
  const sources = read('_internal', 'operations', 'install', 'wheel.py') + read('_vendor', 'distlib', 'scripts.py');
  const stamp = sha256(`${version}\n${sources}`);
  const answer = remembered(memory(join('pips', `${stamp.slice(0, 32)}.json`)), stamp, PIP_FACTS, () => askPip(interpreter.executable, directory, env));
  return { ...answer, version, directory };
}

/** Puts together what is known about the environment that an install goes to. */
export function describeEnvironment(interpreter: Interpreter, facts: InterpreterFacts, pip: RunningPip, sitePaths: readonly string[]): PythonEnvironment {
  return {
    interpreter,
    facts,
    // A cached answer may be from before the last reboot.
    markers: { ...facts.markers, platform_release: release(), platform_version: kernelVersion() },
    sitePaths,
    pip,
  };
}

/** Where an interpreter looks for packages, in its order. Throws UNRECOGNISED for an archive in PYTHONPATH, which is not looked into. */
export function sitePathsOf(interpreter: Interpreter, facts: InterpreterFacts, { env, home }: Caller): string[] {
  const userSite = userSitePath(interpreter, facts, env, home);
  // An empty part is the current directory.
  const pythonPath = (env['PYTHONPATH'] ?? '') === '' ? [] : (env['PYTHONPATH'] ?? '').split(':').map((path) => resolve(path));
  const archive = pythonPath.find((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
  if (archive !== undefined) throw new PkgCacheError('UNRECOGNISED', `PYTHONPATH names an archive, ${archive}`);
  // Only site directories have `.pth` files that count.
  const sites = withPthDirectories([...(userSite === undefined ? [] : [userSite]), ...ownSitePaths(interpreter, facts)]);
  return [...new Set([...pythonPath, ...sites])];
}

/** `site.USER_BASE`, as site.py finds it on POSIX. */
export function userBase(facts: InterpreterFacts, env: Env, home: string): string {
  const set = env['PYTHONUSERBASE'];
  if (set !== undefined && set !== '') return set;
  if (facts.markers.sys_platform === 'darwin' && facts.userScheme?.purelib.includes('Library')) {
    throw new PkgCacheError('UNRECOGNISED', 'user installs of framework builds are left to pip');
  }
  return join(home, '.local');
}

function userSitePath(interpreter: Interpreter, facts: InterpreterFacts, env: Env, home: string): string | undefined {
  const visible = interpreter.venv === undefined || interpreter.systemSite;
  if (!visible || !facts.userScheme || (env['PYTHONNOUSERSITE'] ?? '') !== '') return undefined;
  const path = facts.userScheme.purelib.replace('/@USERBASE@', userBase(facts, env, home));
  return existsSync(path) ? path : undefined;
}

/** The site directories of an interpreter, without those of the user. */
export function ownSitePaths(interpreter: Interpreter, facts: InterpreterFacts): string[] {
  const system = facts.sitePaths.filter((path) => !isStandardLibrary(path, facts.stdlib));
  const base = facts.pipSchemes?.base;
  const ofBase = [...new Set([...(base ? [base.purelib, base.platlib] : []), ...system])];
  if (interpreter.venv === undefined) return ofBase;
  const { purelib, platlib } = facts.venvScheme;
  const own = [purelib, platlib].map((path) => path.replace('/@BASE@', interpreter.venv ?? ''));
  return [...new Set(interpreter.systemSite ? [...own, ...ofBase] : own)];
}
