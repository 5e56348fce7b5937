import { lstatSync, mkdirSync } from 'node:fs';
import { basename } from 'node:path';
import { holderName, isHeld } from './lease.ts';
import type { LocalCache } from './local.ts';
import { listDir } from './sweep.ts';

const PREFIX = 'add-';

/** Makes a directory to install into that nobody keeps. It is for whoever makes it to remove; a clean does where that was killed. */
export function makeThrowaway(cache: LocalCache): string {
  const path = cache.path('placing', `${PREFIX}${holderName()}`);
  mkdirSync(path, { recursive: true });
  return path;
}

/** The throw-away directories of processes that are gone. */
export function abandonedThrowaways(cache: LocalCache): string[] {
  const names = listDir(cache.path('placing')).filter((name) => name.startsWith(PREFIX));
  return names.map((name) => cache.path('placing', name)).filter((path) => !isHeld(basename(path).slice(PREFIX.length), Date.now() - (lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0)));
}
