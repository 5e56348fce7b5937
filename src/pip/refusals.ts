import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { compareVersions } from './version.ts';
import { whatIsPassedOn } from '../cache/passed-on.ts';
import type { PythonEnvironment } from './python/environment.ts';
import type { Layout } from './python/schemes.ts';
import type { Request } from './recognise/request.ts';
import type { Understood } from './understand.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Variables that change what an interpreter writes or where it looks, in ways that an entry does not carry, or how pip ends. Which of CPython's
 * variables change bytecode is found out in test/pip/variables.test.ts.
 */
const HAZARDS = [
  'PYTHONOPTIMIZE', 'PYTHONNODEBUGRANGES', 'PYTHONINTMAXSTRDIGITS', 'PYTHONPYCACHEPREFIX', 'SOURCE_DATE_EPOCH', 'PYTHONHOME', 'PYTHONPLATLIBDIR',
  'PYTHONINSPECT', 'PYTHON_PRESITE', 'ENSUREPIP_OPTIONS', '__PYVENV_LAUNCHER__',
];

/** The variable because of which an install is the real pip's alone; undefined if there is none. Python ignores empty ones. */
export function hazardOf(env: Env): string | undefined {
  // An action may be abbreviated (warnings.py, _getaction). Some pips end with 2 as soon as a warning is an error.
  if (/(?:^|,)\s*e/i.test(env['PYTHONWARNINGS'] ?? '')) return 'PYTHONWARNINGS';
  return HAZARDS.find((name) => (env[name] ?? '') !== '');
}

/** Why neither the cache may be used nor what pip brings be cached; undefined if there is no reason. */
export function whyNotObserved(request: Request, python: PythonEnvironment, env: Env, credentialed: boolean): string | undefined {
  if (credentialed) return 'an index URL carries a credential';
  const hazard = hazardOf(env);
  if (hazard !== undefined) return `${hazard} is set`;
  const { platforms, abis, pythonVersion, implementation } = request.index;
  if (platforms.length + abis.length > 0 || pythonVersion !== undefined || implementation !== undefined) return 'it is for another platform';
  const { since, until } = request.pip;
  const { version } = python.pip;
  if (since !== undefined && compareVersions(version, since) < 0) return `pip ${version} does not know all options`;
  if (until !== undefined && compareVersions(version, until) >= 0) return `pip ${version} does not know all options any more`;
  return undefined;
}

/** Why the real pip has to do the install, although its result may be cached; undefined if there is no reason. */
export function whyNotServed(understood: Understood): string | undefined {
  const { request, python, destination } = understood;
  const inVenv = python.interpreter.venv !== undefined;
  if (understood.notServed !== undefined) return understood.notServed;
  if (request.requireVirtualenv && !inVenv) return 'a virtual environment is required';
  if (destination.kind === 'user' && inVenv) return 'user installs in a virtual environment are for pip to refuse';
  const own = destination.kind === 'environment' && request.root === undefined;
  if (own && !inVenv && !request.breakSystemPackages && existsSync(join(python.facts.stdlib, 'EXTERNALLY-MANAGED'))) return 'the environment is managed externally';
  if ((request.user && destination.kind !== 'user') || (request.target !== undefined && request.prefix !== undefined)) return 'options that exclude each other';
  return unsuitable(understood.layoutOf('').actual);
}

function unsuitable(scheme: Layout['actual']): string | undefined {
  for (const directory of new Set(Object.values(scheme) as string[])) {
    const nearest = nearestExisting(directory);
    try {
      accessSync(nearest, constants.W_OK | constants.X_OK);
      const stat = statSync(nearest);
      if (!stat.isDirectory()) return `${nearest} is not a directory`;
      const passedOn = whatIsPassedOn(nearest, stat);
      if (passedOn !== undefined) return `${nearest} passes ${passedOn} on`;
    } catch {
      return `${nearest} cannot be written`;
    }
  }
  return undefined;
}

function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path));
}
