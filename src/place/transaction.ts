import { lstatSync, mkdirSync, readdirSync, realpathSync, rmdirSync, statSync, unlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { ConfinedDirectory, identityOf, removeIdentified } from '../cache/confined.ts';
import { deviceOf } from '../cache/copy.ts';
import type { LocalCache } from '../cache/local.ts';
import { whatIsPassedOn } from '../cache/passed-on.ts';
import { PREFIX, TransactionRecord, endTransaction, lastWrite, openTransactions, type OpenTransaction } from '../cache/transactions.ts';
import { moveToTrash } from '../cache/trash.ts';
import { isPrivate } from '../cache/trust.ts';
import { PkgCacheError } from '../errors.ts';
import { Roots, UndoLog, exists, isWithin, parseJournal, realPathOf, rollBack, type ParsedJournal, type SetAside } from './undo.ts';

export interface TransactionRequest {
  readonly cache: LocalCache;
  /** The directory that the install is for. One transaction at a time changes it, under a claim. */
  readonly target: string;
  /** Where the transaction directory may lie if it cannot lie in the cache: the nearest directory of that path that is there. */
  readonly near?: string;
  /** All that may be changed: the directories, and what is in them. */
  readonly roots: readonly string[];
  readonly directoryMode: number;
}

/**
 * An install that changes a target: all of its changes stay, or none. It has a private directory from which files can be renamed into the
 * target, in the cache if that is on the target's file system and passes nothing on to what is made in it, else beside the target; and a record
 * in the cache, by which the next install finds what a process that was killed has left. Without a record (another user's cache) only this
 * process can take back what it does.
 */
export class Transaction {
  /** Private; on the target's file system. */
  readonly directory: string;
  readonly undo: UndoLog;
  readonly #identity: string;
  readonly #record: TransactionRecord | undefined;
  readonly #cache: LocalCache;

  private constructor({ cache, target, roots, directoryMode }: TransactionRequest, parent: string) {
    this.#cache = cache;
    this.directory = join(realpathSync.native(parent), `${PREFIX}${randomBytes(16).toString('hex')}`);
    const record = TransactionRecord.begin(cache.root, { target, directory: this.directory });
    let made: string | undefined;
    try {
      mkdirSync(this.directory, { mode: 0o700 });
      made = identityOf(this.directory);
      if (made === undefined) throw new PkgCacheError('PLACE_FAILED', `${this.directory} is not the directory that was made`);
      this.#identity = made;
      const anchor = nearestDirectory(realPathOf(target));
      record?.endHead({ made: this.#identity, anchor, anchorIs: identityOf(anchor) ?? '' }, this.directory);
      this.#record = isPrivate(lstatSync(this.directory)) ? record : withdrawn(record);
      this.undo = new UndoLog({ directory: this.directory, identity: this.#identity, roots: new Roots(roots), directoryMode, anchor, journal: this.#record });
    } catch (error) {
      if (made !== undefined) removeMade(this.directory, made);
      withdrawn(record);
      throw error;
    }
  }

  /** Begins one. Throws the system's error. */
  static begin(request: TransactionRequest): Transaction {
    const { cache, target, near = target } = request;
    const [inCache, beside] = [cache.path('placing'), nearestDirectory(near)];
    if (deviceOf(inCache) === deviceOf(beside)) {
      try {
        mkdirSync(inCache, { recursive: true });
        if (whatIsPassedOn(inCache) === undefined) return new Transaction(request, inCache);
      } catch {
        // A cache that cannot be written.
      }
    }
    return new Transaction(request, beside);
  }

  /** Takes back all changes. What cannot be taken back stays, with what was set aside for it, and the next install tries again. */
  rollback(): void {
    if (this.undo.rollback()) return this.commit();
    this.undo.close();
    this.#record?.close();
  }

  /** The changes so far stay; those that follow can still be taken back. Returns what was set aside for them, and where it lies for now. */
  keep(): SetAside[] {
    this.#record?.commit();
    return this.undo.keep();
  }

  /** Takes back the changes since `keep`; others may follow. */
  rollbackToKept(): void {
    if (this.undo.rollback()) this.#record?.commit();
  }

  /** The changes stay, even if the directory cannot be removed. `later`: there may be much in it, which goes in the background if it can. */
  commit({ later = false } = {}): void {
    this.undo.close();
    this.#record?.commit();
    this.#record?.close();
    try {
      this.#remove(later);
      this.#record?.remove();
    } catch {
      // The next install into this target tries again, or the sweep of old transactions.
    }
  }

  #remove(later: boolean): void {
    if (dirname(this.directory) !== realPathOf(this.#cache.path('placing'))) {
      ConfinedDirectory.in(this.directory, (parent, name) => removeIdentified(parent, name, this.#identity));
    } else if (!later || !this.#moveToTrash()) {
      removeTree(this.directory);
    }
  }

  #moveToTrash(): boolean {
    try {
      moveToTrash(this.#cache.path('trash'), this.directory);
      return true;
    } catch {
      return false; // then it takes longer
    }
  }
}

/** Of what was begun, and what may lie in a directory of another user: no link is followed. That it cannot be removed is no error. */
function removeMade(directory: string, made: string): void {
  try {
    ConfinedDirectory.in(directory, (parent, name) => removeIdentified(parent, name, made));
  } catch {
    // Somebody has put something else there.
  }
}

function withdrawn(record: TransactionRecord | undefined): undefined {
  record?.close();
  record?.remove();
}

/** Of a private directory in the cache. A few empty directories are left, most of the time: `rmSync`, which is made for more, takes several times as long. */
function removeTree(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory()) removeTree(path);
    else unlinkSync(path);
  }
  rmdirSync(directory);
}

/** Takes back what an install that was killed has left half done in `target`; call it only while no other install is at work there. */
export function recoverTarget(cache: LocalCache, target: string, roots: readonly string[]): void {
  for (const open of openTransactions(cache.root, target)) if (open.isAbandoned) recover(open, new Roots(roots));
}

function recover(open: OpenTransaction, roots: Roots): void {
  const journal = parseJournal(open.lines, roots);
  const isTheSame = isSameTarget(open, journal);
  // In another container the path is another directory; it may be this one that comes back.
  if (!isTheSame && !open.isFromHere) return;
  if (isTheSame && journal && isUntouchedSince(open)) takeBack(open, journal);
  endTransaction(open);
}

function takeBack(open: OpenTransaction, { steps }: ParsedJournal): void {
  if (open.made === undefined) return;
  const record = TransactionRecord.reopen(open);
  try {
    rollBack(steps, { directory: open.directory, identity: open.made, journal: record });
  } finally {
    record.close();
  }
}

/** Whether the target is still the directory that it was: a path may lead to another one by now. If it is gone, the transaction itself must have set it aside. */
function isSameTarget({ anchor, anchorIs }: OpenTransaction, journal: ParsedJournal | undefined): boolean {
  if (anchor === undefined || !journal) return false;
  const is = identityOf(anchor);
  if (is !== undefined) return is === anchorIs || journal.renewed.includes(is);
  return !exists(anchor) && journal.all.some((step) => 'aside' in step && isWithin(step.aside, anchor));
}

/**
 * The record is written just before each change; a change that is younger was made by somebody else, who may have repaired it. The time of the
 * last change of the inode, because an environment that is unpacked anew gets the modification times it once had.
 */
const TOLERANCE_MS = 100;

function isUntouchedSince(open: OpenTransaction): boolean {
  const written = lastWrite(open);
  const changed = statSync(open.target, { throwIfNoEntry: false });
  return written !== undefined && (changed === undefined || changed.ctimeMs <= written + TOLERANCE_MS);
}

function nearestDirectory(path: string): string {
  return exists(path) ? path : nearestDirectory(dirname(path));
}
