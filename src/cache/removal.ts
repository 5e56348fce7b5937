import { closeSync, lstatSync, openSync, renameSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../errors.ts';
import { readers, type Reader } from './lease.ts';
import { moveToTrash } from './trash.ts';

/**
 * How an entry goes, so that no install that is reading it ever notices:
 *
 *     1. `mark`: `entry.sha256` is renamed to `removed`. Nobody finds the entry any more; its files stay where they are.
 *     2. `purge`: once everybody who may have found it before is through (see lease.ts), it is renamed into `trash`, and deleted there.
 *
 * Whoever makes the same entry anew takes step 2 as well: a directory that somebody reads is never replaced.
 */
export const REMOVED = 'removed';

/** Leases and marks get their times from one clock, which ticks every few milliseconds; some file systems keep whole seconds of it. */
const TICK_MS = 50;
const COARSE_TICK_MS = 1_000;

/** Makes an entry invisible. Throws the system's error where it is not ours to remove. Marking twice is harmless. */
export function mark(dir: string): void {
  const removed = join(dir, REMOVED);
  if (lstatSync(removed, { throwIfNoEntry: false })) return;
  // One that never had a hash is broken, and goes in the same way.
  if (!moved(join(dir, 'entry.sha256'), removed) && !created(removed)) return;
  const now = Date.now() / 1000;
  utimesSync(removed, now, now); // not every file system takes a rename for a change
}

/** What `purge` works in. */
export interface Bin {
  /** Directory for what is being deleted. */
  readonly trash: string;
  readonly leases: string;
}

/**
 * Deletes an entry that is marked. `in use`: somebody may still be reading it, so that it stays for a later clean. `gone`: somebody else has
 * seen to it, or it is not marked. `delayed`: it is only moved into the trash, which is quick. Throws the system's error.
 */
export function purge(dir: string, { trash, leases }: Bin, { delayed = false } = {}): 'purged' | 'in use' | 'gone' {
  const marked = lstatSync(join(dir, REMOVED), { throwIfNoEntry: false })?.ctimeMs;
  if (marked === undefined) return 'gone';
  if (readers(leases).some((reader) => mayRead(reader, marked))) return 'in use';
  // Only one of those who want to gets past this; so nobody moves away what another has put in the same place since.
  if (!moved(join(dir, REMOVED), join(dir, 'purging'))) return 'gone';
  const path = moveToTrash(trash, dir);
  if (path === undefined) return 'gone';
  if (!delayed) rmSync(path, { recursive: true, force: true });
  return 'purged';
}

function mayRead({ since }: Reader, marked: number): boolean {
  const coarse = since % 1_000 === 0 && marked % 1_000 === 0;
  return since <= marked + (coarse ? COARSE_TICK_MS : TICK_MS);
}

/** Renames, and says whether there was something to rename. */
function moved(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Creates an empty file, and says whether the directory for it is there, and the file was not. */
function created(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx', 0o644));
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'EEXIST') return false;
    throw error;
  }
}
