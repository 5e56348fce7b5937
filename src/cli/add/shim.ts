import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Env } from '../../config.ts';
import { PkgCacheError } from '../../errors.ts';
import { runTool } from '../../passthrough.ts';

/** Variables that would send what is installed somewhere else, or nowhere. */
const ASTRAY = ['PKG_CACHE', 'PKG_CACHE_GUARD', 'PIP_TARGET', 'PIP_PREFIX', 'PIP_ROOT', 'PIP_USER', 'PIP_PYTHON', 'PIP_DRY_RUN', 'PIP_REPORT', 'npm_config_prefix', 'npm_config_global', 'npm_config_dry_run', 'npm_config_package_lock_only'];

/** An environment in which an install goes where it is told to. */
export function withoutStrays(env: Env): Env {
  return Object.fromEntries(Object.entries(env).filter(([variable]) => !ASTRAY.includes(variable)));
}

/** Runs an install through a shim of this installation, with the caller's terminal; its exit code. Throws CONFIG where there is no shim. */
export async function runShim(name: 'pip' | 'npm', argv: readonly string[], env: Env, umask: number): Promise<number> {
  const shim = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'shims', name);
  if (!existsSync(shim)) throw new PkgCacheError('CONFIG', `${shim} is not there`, { hint: 'run install.sh again' });
  const before = process.umask(umask);
  try {
    const outcome = await runTool(shim, argv, env);
    return 'code' in outcome ? outcome.code : 128 + constants.signals[outcome.signal]; // as shells have it
  } finally {
    process.umask(before);
  }
}
