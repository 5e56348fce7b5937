import { dirname } from 'node:path';
import type { Env } from '../../config.ts';
import { factsOf as npmFacts } from '../../npm/facts.ts';
import { describeEnvironment, factsOf, pipOf, sitePathsOf, type Memory, type PythonEnvironment } from '../../pip/python/environment.ts';
import { interpreterOf } from '../../pip/python/interpreter.ts';
import { realTool, toolsOnPath, type Found } from '../tools.ts';
import { checksOf, explained, type Check } from './check.ts';

const { ok, note, problem } = checksOf('tools');

const TOOLS = ['pip', 'pip3', 'npm'] as const;

/** Whether the shims come first on PATH, and what stands behind them. `memory`: where answers of interpreters are remembered. */
export function checkTools(env: Env, memory: Memory): Check[] {
  const off = /^(?:off|0|false|no)$/i.test(env['PKG_CACHE'] ?? '') ? [problem(`PKG_CACHE is ${env['PKG_CACHE'] ?? ''}: the shims do nothing`, 'unset PKG_CACHE')] : [];
  return [ok(`pkg-cache runs under Node ${process.version}, ${process.execPath}`), ...off, ...TOOLS.flatMap((name) => checkTool(name, env, memory))];
}

function checkTool(name: (typeof TOOLS)[number], env: Env, memory: Memory): Check[] {
  const found = toolsOnPath(name, env);
  const real = found.find(({ isShim }) => !isShim);
  if (!real) return name === 'pip3' ? [] : [note(`no ${name} behind the shim`, `install ${name}, or leave it at that if nothing needs it`)];
  return [checkOrder(name, found, real, env), describeTool(name, real.path, env, memory)];
}

function checkOrder(name: string, found: readonly Found[], real: Found, env: Env): Check {
  const shim = found.find(({ isShim }) => isShim);
  if (!shim) return problem(`${name} is ${real.path}: no shim is on PATH`, 'put the directory of the shims first: install.sh has printed the line');
  if (found[0] === shim) return ok(`${name} is the shim ${shim.path}`);
  const isVenv = env['VIRTUAL_ENV'] !== undefined && real.path.startsWith(env['VIRTUAL_ENV']);
  return problem(
    `${name} is ${real.path}, which comes before the shim ${shim.path}`,
    `export PATH="${dirname(shim.path)}:$PATH"${isVenv ? ', after activating the virtual environment' : ', after whatever puts the other in front'}`,
  );
}

function describeTool(name: (typeof TOOLS)[number], path: string, env: Env, memory: Memory): Check {
  try {
    if (name === 'npm') {
      const { version, nodeVersion } = npmFacts(path, env);
      return ok(`behind it: npm ${version} with Node ${nodeVersion}, ${path}`);
    }
    const { pip, facts } = environmentOf(path, env, '/', memory);
    return ok(`behind it: pip ${pip.version} of Python ${facts.version.join('.')}, ${path}`);
  } catch (error) {
    return problem(`behind it: ${path}, which is left alone: ${explained(error).what}`, `have ${name}'s own script found on PATH, of a version that is served (docs/compatibility.md)`);
  }
}

function environmentOf(pip: string, env: Env, home: string, memory: Memory): PythonEnvironment {
  const interpreter = interpreterOf(pip, env);
  const facts = factsOf(interpreter, memory, env);
  const sites = sitePathsOf(interpreter, facts, { env, home });
  return describeEnvironment(interpreter, facts, pipOf(interpreter, sites, env, memory), sites);
}

/** Where the pip that is found on PATH installs to; undefined where there is none, or one that is left alone. */
export function sitePackages(env: Env, home: string, memory: Memory): string | undefined {
  const pip = realTool('pip', env);
  try {
    return pip === undefined ? undefined : environmentOf(pip, env, home, memory).sitePaths.find((path) => /\/(?:site|dist)-packages$/.test(path));
  } catch {
    return undefined; // Told by checkTools.
  }
}
