import { chmodSync, lstatSync, mkdirSync, realpathSync, renameSync, rmdirSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { ConfinedDirectory, identityOf, moveConfined, removeConfined, type Place } from '../cache/confined.ts';
import { isPath } from '../cache/transactions.ts';
import { PkgCacheError, systemCode } from '../errors.ts';

/** One change of the target, in the form in which it can be taken back. Paths are absolute; no component but the last was a link. */
export type Step =
  | { readonly create: string } // a file, or a directory with all that is in it, where nothing was
  | { readonly directory: string } // a directory that others may put something into
  | { readonly aside: string; readonly stored: string }; // moved out of the way, under that name in the backup directory

/** What was moved out of the way, and where to. */
export interface SetAside {
  readonly path: string;
  readonly stored: string;
}

/** Says that the change of that number has been taken back. */
interface Undone {
  readonly undone: number;
}

/** The directory by which the target is known (transactions.ts) was set aside and made anew: what tells it from now on. */
interface Renewed {
  readonly renewed: string | undefined;
}

/** A line of the journal. */
type Line = Step | Undone | Renewed;

/** Where lines of the journal go: before the change that they are about. */
export interface Journal {
  append(line: Line): void;
}

/** What is set aside lies here, in the transaction directory. */
const BACKUP = 'attic';

export interface UndoOptions {
  /** The transaction directory: private, on the target's file system, without a link in its path. */
  readonly directory: string;
  /** `identityOf` it. */
  readonly identity: string;
  /** Outside of these directories nothing is changed. */
  readonly roots: Roots;
  readonly directoryMode: number;
  /** The directory by which the target is known. */
  readonly anchor?: string;
  /** Undefined where nothing can be noted: then only this process can take back what it does. */
  readonly journal?: Journal | undefined;
}

/**
 * What an install changes, so that it can be taken back: by the process itself, or, if that is killed, by the next one (transaction.ts). Every
 * change is noted before it is made, in memory and in the journal; `rollback` takes all back in reverse.
 */
export class UndoLog {
  readonly #options: UndoOptions;
  readonly #steps: Step[] = [];
  readonly #parents = new Map<string, string>();
  #stored = 0;
  #backup: ConfinedDirectory | undefined;

  constructor(options: UndoOptions) {
    this.#options = options;
  }

  /** Notes that `path` is about to be created where nothing was. Throws PLACE_FAILED if that is outside of the target. */
  creates(path: string): void {
    this.#note({ create: this.#confined(path) });
  }

  /** Makes a directory and those above it. Throws as `creates` does. */
  makeDirectory(path: string): void {
    if (exists(path)) return;
    if (dirname(path) !== path) this.makeDirectory(dirname(path));
    const directory = this.#options.roots.above(this.#real(path));
    this.#note({ directory });
    mkdirSync(directory);
    chmodSync(directory, this.#options.directoryMode);
    if (directory === this.#options.anchor) this.#options.journal?.append({ renewed: identityOf(directory) });
  }

  /** Moves an existing file or directory out of the way. Throws as `creates` does. */
  setAside(path: string): void {
    const aside = this.#confined(path);
    const stored = String(this.#stored++);
    const backup = (this.#backup ??= this.#openBackup());
    this.#note({ aside, stored });
    try {
      renameSync(aside, backup.at(stored));
    } catch (error) {
      if (systemCode(error) !== 'EXDEV') throw error;
      ConfinedDirectory.in(aside, (from, name) => moveConfined([from, name], [backup, stored]));
    }
  }

  /** Held open: whoever owns the directory that the transaction directory lies in can put another one in its place. Throws PLACE_FAILED if somebody has. */
  #openBackup(): ConfinedDirectory {
    const { directory, identity } = this.#options;
    const transaction = ConfinedDirectory.open(directory);
    try {
      if (transaction.identity !== identity) throw new PkgCacheError('PLACE_FAILED', `${directory} is not the directory that was made`);
      if (!transaction.has(BACKUP)) mkdirSync(transaction.at(BACKUP));
      return transaction.child(BACKUP);
    } finally {
      transaction.close();
    }
  }

  /** No change follows. */
  close(): void {
    this.#backup?.close();
    this.#backup = undefined;
  }

  /** Takes everything back, and says whether that worked; what cannot be undone is left, the transaction directory with it. */
  rollback(): boolean {
    return rollBack([...this.#steps.splice(0).entries()], this.#options);
  }

  /** Forgets the changes so far: they stay. Returns what was set aside for them, and where it lies for now. */
  keep(): SetAside[] {
    const stored = (name: string): string => join(this.#options.directory, BACKUP, name);
    return this.#steps.splice(0).flatMap((step) => ('aside' in step ? [{ path: step.aside, stored: stored(step.stored) }] : []));
  }

  #note(step: Step): void {
    this.#options.journal?.append(step);
    this.#steps.push(step);
  }

  #confined(path: string): string {
    return this.#options.roots.within(this.#real(path));
  }

  /** A path without links, but for its last component. */
  #real(path: string): string {
    const parent = dirname(path);
    let real = this.#parents.get(parent);
    if (real === undefined) this.#parents.set(parent, (real = realpathSync.native(parent)));
    return join(real, basename(path));
  }
}

/** The directories that an install may change: those that were asked for, wherever links had them lead when it began. */
export class Roots {
  readonly #roots: readonly string[];

  constructor(directories: readonly string[]) {
    this.#roots = [...new Set(directories.filter(isAbsolute).flatMap(realPathIfKnown))];
  }

  /** The path, if it is one of the directories, or in one. Throws PLACE_FAILED. */
  within(path: string): string {
    if (!this.#roots.some((root) => isWithin(root, path))) throw new PkgCacheError('PLACE_FAILED', `${path} is not in the target`);
    return path;
  }

  /** As `within`, or if one of the directories is in it: such a directory is only made, and removed again if it is empty. */
  above(path: string): string {
    return this.#roots.some((root) => isWithin(path, root)) ? path : this.within(path);
  }
}

/** Whether a path is a directory, or in it. */
export function isWithin(directory: string, path: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

/** None for what we may not even look at: nothing is changed there either. */
function realPathIfKnown(path: string): string[] {
  try {
    return [realPathOf(path)];
  } catch {
    return [];
  }
}

/** Where links have a path lead, of which the end may not be there. */
export function realPathOf(path: string): string {
  try {
    return realpathSync.native(path);
  } catch (error) {
    if (dirname(path) === path || (systemCode(error) !== 'ENOENT' && systemCode(error) !== 'ENOTDIR')) throw error;
    return join(realPathOf(dirname(path)), basename(path));
  }
}

/** What a journal says. */
export interface ParsedJournal {
  /** What is to be taken back, by number. */
  readonly steps: readonly (readonly [number, Step])[];
  /** All changes, also those that have been taken back. */
  readonly all: readonly Step[];
  /** What told the directory by which the target is known, after it was made anew. */
  readonly renewed: readonly string[];
}

/** Understands the lines of a journal; undefined if one of them is none, or names a place that is not within `roots`. */
export function parseJournal(lines: readonly unknown[], roots: Roots): ParsedJournal | undefined {
  const all: Step[] = [];
  const undone = new Set<number>();
  const renewed: string[] = [];
  try {
    for (const line of lines) {
      const step = Object(line) as Record<string, unknown>;
      if (typeof step['undone'] === 'number') undone.add(step['undone']);
      else if (typeof step['renewed'] === 'string') renewed.push(step['renewed']);
      else all.push(parseStep(step, roots));
    }
  } catch {
    return undefined;
  }
  return { all, renewed, steps: [...all.entries()].filter(([index]) => !undone.has(index)) };
}

function parseStep({ create, directory, aside, stored }: Record<string, unknown>, roots: Roots): Step {
  if (isPath(create)) return { create: roots.within(create) };
  if (isPath(directory)) return { directory: roots.above(directory) };
  if (isPath(aside) && typeof stored === 'string' && /^\d+$/.test(stored)) return { aside: roots.within(aside), stored };
  throw new PkgCacheError('PLACE_FAILED', 'not a step');
}

/**
 * Undoes steps, given with their numbers, the last first, and says whether that worked for all. Each is noted, because to undo one twice is wrong: a
 * file that was created where another had been set aside would be removed a second time, when it is the other. No link is followed.
 */
export function rollBack(steps: readonly (readonly [number, Step])[], { directory, identity, journal }: Pick<UndoOptions, 'directory' | 'identity' | 'journal'>): boolean {
  if (steps.length === 0) return true;
  let complete = true;
  const undoAll = (transaction: ConfinedDirectory | undefined): void => {
    for (const [index, step] of [...steps].reverse()) {
      try {
        undo(step, transaction);
        journal?.append({ undone: index });
      } catch {
        complete = false;
      }
    }
  };
  withTransaction(directory, identity, undoAll);
  return complete;
}

/** Opens a transaction directory for `work`, which gets undefined if it is not there any more, or not the one that was made. */
function withTransaction(directory: string, identity: string, work: (transaction: ConfinedDirectory | undefined) => void): void {
  let opened: ConfinedDirectory | undefined;
  try {
    opened = ConfinedDirectory.open(directory);
  } catch {
    // Then nothing can be brought back, and what was created can go all the same.
  }
  try {
    work(opened?.identity === identity ? opened : undefined);
  } finally {
    opened?.close();
  }
}

function undo(step: Step, transaction: ConfinedDirectory | undefined): void {
  if ('create' in step) return whereThere(step.create, removeConfined);
  if ('directory' in step) return whereThere(step.directory, removeIfEmpty);
  if (!transaction) throw new PkgCacheError('PLACE_FAILED', 'the transaction directory is gone');
  // Noted, but killed before it was moved.
  if (!transaction.has(BACKUP)) return;
  const backup = transaction.child(BACKUP);
  try {
    if (backup.has(step.stored)) restore([backup, step.stored], step.aside);
  } finally {
    backup.close();
  }
}

function restore(from: Place, path: string): void {
  ConfinedDirectory.in(
    path,
    (parent, name) => {
      // Killed while it was being copied, or somebody has put something there: what is there stays, and so does what was stored.
      if (parent.has(name)) throw new PkgCacheError('PLACE_FAILED', `${path} is there already`);
      moveConfined(from, [parent, name]);
    },
    { make: true },
  );
}

/** Does nothing where the directory is gone in which something was to be undone. */
function whereThere(path: string, work: (directory: ConfinedDirectory, name: string) => void): void {
  try {
    ConfinedDirectory.in(path, work);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}

function removeIfEmpty(directory: ConfinedDirectory, name: string): void {
  try {
    rmdirSync(directory.at(name));
  } catch {
    // Somebody else has put something there.
  }
}

/** Whether something is at `path`, a dangling link included. */
export function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
