import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The environment of a real pip that reports to `report` what it will install, and to `<report>.outcome`, if it ends with 0, what it has
 * installed: see observe/sitecustomize.py. `shims/pip` does the same.
 */
export function observed(env: Env, report: string): Env {
  const directory = join(dirname(fileURLToPath(import.meta.url)), 'observe');
  const others = env['PYTHONPATH'] ?? '';
  return { ...env, PKG_CACHE_OBSERVE: report, PYTHONPATH: others === '' ? directory : `${directory}:${others}` };
}
