import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { PkgCacheError } from '../../errors.ts';
import { factsOf } from '../../pip/python/environment.ts';
import { interpreterNamed, interpreterOf, type Interpreter } from '../../pip/python/interpreter.ts';
import { recognise } from '../../pip/recognise/argv.ts';
import { interpreterEnvironment, type Surroundings } from '../env/pip.ts';
import { realTool } from '../tools.ts';
import { runShim } from './shim.ts';
import type { Wish, Installed } from './wish.ts';

/** Installs a set into a virtual environment in `directory`, made for that of the interpreter that is meant. Throws USAGE. */
export async function installWithPip({ words, files, python, more }: Wish, directory: string, surroundings: Surroundings, umask: number): Promise<number> {
  const argv = ['--python', directory, 'install', ...files.flatMap((file) => ['-r', file]), ...words, ...more];
  makeEnvironment(directory, interpreterFor(python, surroundings), surroundings);
  const { env, cwd, home } = surroundings;
  const recognition = recognise(argv, { env, cwd, home, platform: process.platform, sitePrefix: directory });
  if (recognition.kind === 'other') throw new PkgCacheError('USAGE', 'pip would not install anything');
  if (recognition.kind === 'passthrough' && !recognition.observe) throw new PkgCacheError('USAGE', `this is pip's alone, and not cached: ${recognition.reason}`);
  const { target, prefix, root, user } = recognition.request;
  if (target !== undefined || prefix !== undefined || root !== undefined || user) throw new PkgCacheError('USAGE', 'pip is told to install elsewhere (target, prefix, root or user)', { hint: "take that out of the arguments, or of pip's configuration" });
  return await runShim('pip', argv, env, umask);
}

function interpreterFor(python: string | undefined, { env, cwd }: Surroundings): Interpreter {
  const pip = realTool('pip', env);
  if (pip === undefined) throw new PkgCacheError('USAGE', 'there is no pip on PATH');
  return python === undefined ? interpreterOf(pip, env) : interpreterNamed(python, cwd);
}

/** What is configured for the environment that is meant counts in the one that is made. */
function makeEnvironment(directory: string, { executable, venv, binary }: Interpreter, { cache, env }: Surroundings): void {
  try {
    // Isolated: `-m` alone looks for modules in the working directory first.
    execFileSync(executable, ['-I', '-m', 'venv', '--without-pip', directory], { env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (cause) {
    throw new PkgCacheError('USAGE', `${executable} -m venv does not work`, { hint: 'some systems have it in a package of its own: python3-venv', cause });
  }
  const prefix = venv ?? factsOf({ executable, venv, binary, systemSite: false }, (name) => cache.path(name), env).prefix;
  if (existsSync(join(prefix, 'pip.conf'))) copyFileSync(join(prefix, 'pip.conf'), join(directory, 'pip.conf'));
}

/** What is in the environment now, and what of it the cache has. */
export function installedByPip(directory: string, surroundings: Surroundings): Installed[] {
  return interpreterEnvironment(directory, surroundings).rows.map(({ package: name, version, entry }) => ({ what: `${name}==${version}`, entry }));
}
