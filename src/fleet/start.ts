import { closeSync, openSync, readdirSync, statSync } from 'node:fs';
import { hostTag, isClaimed } from '../cache/claim.ts';
import type { LocalCache } from '../cache/local.ts';
import { sha256 } from '../hash.ts';

/** Held by the one background process that a cache has here: what an install in a container has brought can only be found in there. */
export function claimOfBackground(cache: LocalCache): string {
  return cache.path('claims', `background-${hostTag()}`);
}

/** Whether a background process is at work here on this cache. */
export function isAtWork(cache: LocalCache): boolean {
  return isClaimed(claimOfBackground(cache));
}

/** Where a worker keeps what it remembers of its part in the fleet, for one location of a store. */
export function fleetStateFile(cache: LocalCache, location: string): string {
  return cache.path('state', `fleet-${sha256(location).slice(0, 16)}.json`);
}

/** Whether it may be time for the fleet, as far as a glance tells: nothing was noted for `every` milliseconds. */
export function mayBeDue(cache: LocalCache, location: string, every: number): boolean {
  if (every === 0) return false;
  const noted = statSync(fleetStateFile(cache, location), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return Math.abs(Date.now() - noted) > every;
}

/**
 * glibc gives threads heaps of their own, and what is freed in one is of no use to another: with several that pass large buffers on, these take
 * as much memory as all the rest. (`shims/pkg-cache` does the same.)
 */
const ONE_HEAP = { MALLOC_ARENA_MAX: '1' };

/** Starts the background process unless one is at work already; it outlives us and holds none of our streams. */
export function startBackground(cache: LocalCache, app: string, env: Readonly<Record<string, string | undefined>>): void {
  if (isAtWork(cache)) return;
  const { spawn } = process.getBuiltinModule('node:child_process');
  const nothing = openSync('/dev/null', 'r');
  const child = spawn(process.execPath, [app, 'background'], { detached: true, stdio: without(openDescriptors(), nothing), cwd: '/', env: { ...ONE_HEAP, ...env } });
  child.on('error', () => undefined); // The next install tries again.
  child.unref();
  closeSync(nothing);
}

/** Node marks those below to be closed in its children; what a caller has left open from there on, they would inherit. */
const FIRST_INHERITED = 16;

function openDescriptors(): number[] {
  try {
    return readdirSync('/dev/fd').map(Number); // of this process: on Linux a link to /proc/self/fd
  } catch {
    return [];
  }
}

/** `nothing` in the place of each descriptor that is open here: a lock that the caller holds by one (`flock`) would stay until the child ends. */
function without(open: readonly number[], nothing: number): ('ignore' | number)[] {
  const inherited = open.filter((fd) => fd >= FIRST_INHERITED);
  const stdio: ('ignore' | number)[] = Array.from({ length: Math.max(2, ...inherited) + 1 }, () => 'ignore');
  for (const fd of inherited) stdio[fd] = nothing;
  return stdio;
}
