import { mkdirSync, readdirSync, rmdirSync, statSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { deviceOf } from '../cache/copy.ts';
import type { LocalCache } from '../cache/local.ts';
import { whatIsPassedOn } from '../cache/passed-on.ts';
import { sha256 } from '../hash.ts';
import { exists, journalOf, recover } from './undo.ts';
import { listDir } from '../cache/sweep.ts';
import { moveToTrash } from '../cache/trash.ts';

/**
 * The workshop of an install: a private directory from which files can be renamed into the target. It lies in the cache if that is on the
 * target's file system and passes nothing on to what is made in it, else `near` it: in the nearest directory of that path that exists. Its name begins with the target's, so that
 * whoever installs there next (one at a time, under a claim) finds what a process that was killed has left.
 */
export function openWorkshop(cache: LocalCache, target: string, near = target): string {
  const name = `${targetName(target)}-${process.pid}-${randomBytes(4).toString('hex')}`;
  const [first, second] = workshopParents(cache, near);
  for (const parent of deviceOf(first) === deviceOf(second) ? [first, second] : [second]) {
    try {
      mkdirSync(parent, { recursive: true });
      if (parent === first && whatIsPassedOn(parent) !== undefined) continue;
      mkdirSync(join(parent, `${PREFIX}${name}`));
      return join(parent, `${PREFIX}${name}`);
    } catch (error) {
      if (parent === second) throw error;
    }
  }
  throw new Error('unreachable');
}

/** Takes back what an install that was killed has left half done in `target`; call it only while no other install is at work there. */
export function recoverTarget(cache: LocalCache, target: string, near = target): void {
  for (const parent of workshopParents(cache, near)) {
    for (const name of listDir(parent)) {
      if (!name.startsWith(`${PREFIX}${targetName(target)}-`)) continue;
      const workshop = join(parent, name);
      if (isUntouchedSince(workshop, target)) recover(workshop);
      removeWorkshop(workshop);
    }
  }
}

/** Removes a workshop that nothing is to be taken back from any more. That it cannot be removed is no failure of an install. */
export function removeWorkshop(workshop: string): void {
  try {
    removeTree(workshop);
  } catch {
    // The next install into this target tries again, or the sweep of old workshops.
  }
}

/** What is left is a few empty directories, most of the time: `rmSync`, which is made for more, takes several times as long. */
function removeTree(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory()) removeTree(path);
    else unlinkSync(path);
  }
  rmdirSync(directory);
}

/** As `removeWorkshop`, where there may be much in it: in the cache it only goes to the trash, which a process in the background empties. */
export function discardWorkshop(cache: LocalCache, workshop: string): void {
  try {
    if (dirname(workshop) === cache.path('placing')) return void moveToTrash(cache.path('trash'), workshop);
  } catch {
    // Then it takes longer.
  }
  removeWorkshop(workshop);
}

const PREFIX = '.pkg-cache-';

/**
 * The journal is written just before each change; a change that is younger was made by somebody else, who may have repaired it. Both lie on
 * one file system and have one clock. The time of the last change of the inode, because an environment that is unpacked anew gets the
 * modification times it once had.
 */
const TOLERANCE_MS = 100;

function isUntouchedSince(workshop: string, target: string): boolean {
  const journal = statSync(journalOf(workshop), { throwIfNoEntry: false });
  const changed = statSync(target, { throwIfNoEntry: false });
  return journal !== undefined && (changed === undefined || changed.ctimeMs <= journal.mtimeMs + TOLERANCE_MS);
}

function workshopParents(cache: LocalCache, near: string): [inCache: string, beside: string] {
  return [cache.path('placing'), nearestDirectory(near)];
}

function targetName(target: string): string {
  return sha256(target).slice(0, 16);
}

function nearestDirectory(path: string): string {
  return exists(path) ? path : nearestDirectory(dirname(path));
}
