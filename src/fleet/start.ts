import { isClaimed } from '../cache/claim.ts';
import type { LocalCache } from '../cache/local.ts';

/** Held by the one background process of a cache. */
export function claimOfBackground(cache: LocalCache): string {
  return cache.path('claims', 'background');
}

/** Whether a background process is at work on this cache. */
export function isAtWork(cache: LocalCache): boolean {
  return isClaimed(claimOfBackground(cache));
}

/** Starts the background process unless one is at work already; it outlives us and holds none of our streams. */
export function startBackground(cache: LocalCache, app: string, env: Readonly<Record<string, string | undefined>>): void {
  if (isAtWork(cache)) return;
  const { spawn } = process.getBuiltinModule('node:child_process');
  const child = spawn(process.execPath, [app, 'background'], { detached: true, stdio: 'ignore', cwd: '/', env: { ...env } });
  child.on('error', () => undefined); // The next install tries again.
  child.unref();
}
