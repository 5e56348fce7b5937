import { appendFileSync, closeSync, fstatSync, ftruncateSync, lstatSync, mkdirSync, openSync, readFileSync, rmdirSync, statSync, unlinkSync } from 'node:fs';
import { basename, isAbsolute, join, normalize } from 'node:path';
import { ConfinedDirectory, identityOf, removeIdentified } from './confined.ts';
import { hostTag, isAlive } from './claim.ts';
import { holderName } from './lease.ts';
import { ageOf, listDir } from './sweep.ts';
import { isPrivate } from './trust.ts';
import { sha256 } from '../hash.ts';

/**
 * What is open: for each transaction (an install that is changing a target) a record in a private directory of the cache. Nothing else says so: a
 * directory beside a target may be anybody's.
 *
 *     <root>/v1/transactions/<target>.<pid>.<host>.<random>    0600, in a directory of mode 0700
 *
 * The first line says which target, and which transaction directory is about to be made; the second what tells that directory, and the one in
 * which the changes are made, from all others. The rest is the journal (place/undo.ts).
 */
interface Head {
  readonly target: string;
  readonly directory: string;
}

interface Identities {
  /** Of the transaction directory. */
  readonly made: string;
  /** The target, or the nearest directory above it that was there when the transaction began. */
  readonly anchor: string;
  readonly anchorIs: string;
}

/** In a transaction directory that is not on the cache's file system: its time is by the clock of the target's. */
const CLOCK = 'clock';

/** A record that is being written. */
export class TransactionRecord {
  readonly path: string;
  readonly #fd: number;
  #clock: number | undefined;
  #head = 0;

  private constructor(path: string, flags: 'ax' | 'a') {
    this.path = path;
    this.#fd = openSync(path, flags, 0o600);
  }

  /** Begins a record; undefined where there is no private directory for one: another user's cache, or one that cannot be written. */
  static begin(root: string, head: Head): TransactionRecord | undefined {
    const directory = join(root, 'transactions');
    try {
      if (!lstatSync(directory, { throwIfNoEntry: false })) makePrivate(root, directory);
      if (!isPrivate(lstatSync(directory))) return undefined;
      const record = new TransactionRecord(join(directory, `${tagOf(head.target)}.${holderName()}`), 'ax');
      record.append(head);
      return record;
    } catch {
      return undefined;
    }
  }

  /** Goes on with a record that was read. Throws the system's error. */
  static reopen({ path }: Pick<OpenTransaction, 'path'>): TransactionRecord {
    return new TransactionRecord(path, 'a');
  }

  /** Says that the directory is there; what follows are changes. Throws the system's error. */
  endHead(identities: Identities, directory: string): void {
    this.append(identities);
    const { size, dev } = fstatSync(this.#fd);
    this.#head = size;
    if (statSync(directory).dev !== dev) this.#clock = openSync(join(directory, CLOCK), 'ax', 0o600);
  }

  /** Adds a line. Throws the system's error. */
  append(line: unknown): void {
    appendFileSync(this.#fd, `${JSON.stringify(line)}\n`);
    if (this.#clock !== undefined) appendFileSync(this.#clock, '.');
  }

  /** The changes stay: from here on there is nothing to be taken back, only a directory to be removed. */
  commit(): void {
    ftruncateSync(this.#fd, this.#head);
  }

  close(): void {
    closeSync(this.#fd);
    if (this.#clock !== undefined) closeSync(this.#clock);
  }

  /** Ends the record, once the directory is gone. That it cannot be removed is no failure: it says nothing any more. */
  remove(): void {
    forget(this.path);
  }
}

/** A transaction that was begun and not ended. */
export interface OpenTransaction extends Head, Partial<Identities> {
  /** Of the record. */
  readonly path: string;
  /** The lines of the journal, unchecked, up to one that a crash has damaged. */
  readonly lines: readonly unknown[];
  /** Whether the process is gone; one of another host, or in another container, counts as gone. */
  readonly isAbandoned: boolean;
  /** Whether it was begun here, where the same path is the same directory. */
  readonly isFromHere: boolean;
}

/** What processes that were killed have left open, of one target or of all. Records that cannot be understood are removed. */
export function openTransactions(root: string, target?: string): OpenTransaction[] {
  const directory = join(root, 'transactions');
  const tag = target === undefined ? '' : `${tagOf(target)}.`;
  const names = listDir(directory).filter((name) => name.startsWith(tag));
  if (names.length === 0 || !isPrivate(lstatSync(directory))) return [];
  return names.flatMap((name) => {
    const found = readRecord(join(directory, name));
    if (!found) forget(join(directory, name));
    return found && (target === undefined || found.target === target) ? [found] : [];
  });
}

function readRecord(path: string): OpenTransaction | undefined {
  const [head, identities, ...lines] = linesOf(path);
  const { target, directory } = Object(head) as Partial<Head>;
  if (!isPath(target) || !isPath(directory) || !basename(directory).startsWith(PREFIX)) return undefined;
  const { made, anchor, anchorIs } = Object(identities) as Partial<Identities>;
  const known = typeof made === 'string' && isPath(anchor) && typeof anchorIs === 'string' ? { made, anchor, anchorIs } : {};
  const [, pid, host] = basename(path).split('.');
  const isFromHere = host === hostTag();
  return { path, target, directory, ...known, lines, isFromHere, isAbandoned: !isFromHere || Number(pid) === process.pid || !isAlive(Number(pid)) };
}

/** The directory alone is private, not what it lies in. */
function makePrivate(root: string, directory: string): void {
  mkdirSync(root, { recursive: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 }); // somebody else may have been faster
}

/** How the names of transaction directories begin. */
export const PREFIX = '.pkg-cache-';

function linesOf(path: string): unknown[] {
  const lines: unknown[] = [];
  try {
    for (const text of readFileSync(path, 'utf8').split('\n').slice(0, -1)) lines.push(JSON.parse(text));
  } catch {
    // Cut off, or gone.
  }
  return lines;
}

/** Whether something is an absolute path in normal form. */
export function isPath(path: unknown): path is string {
  return typeof path === 'string' && isAbsolute(path) && normalize(path) === path && !path.includes('\0');
}

/** When a transaction was last at work, in epoch milliseconds by the clock of the target's file system; undefined where that is not known any more. */
export function lastWrite({ path, directory, made }: OpenTransaction): number | undefined {
  if (made === undefined || identityOf(directory) !== made) return undefined;
  return (lstatSync(join(directory, CLOCK), { throwIfNoEntry: false }) ?? lstatSync(path, { throwIfNoEntry: false }))?.mtimeMs;
}

/** Removes a transaction directory, if it is the one that was made, and then its record. That something cannot be removed is no error. */
export function endTransaction({ path, directory, made }: Pick<OpenTransaction, 'path' | 'directory' | 'made'>): void {
  try {
    // Killed before it could say what it had made: there is nothing in it.
    if (made === undefined) rmdirSync(directory);
    else ConfinedDirectory.in(directory, (parent, name) => removeIdentified(parent, name, made));
  } catch {
    // It is not there, or not for us to remove.
  }
  forget(path);
}

/** Ends what was left open by processes that are gone, `age` milliseconds ago, and that no install has come back to. */
export function sweepTransactions(root: string, age: number): void {
  for (const open of openTransactions(root)) if (open.isAbandoned && ageOf(open.path) > age) endTransaction(open);
}

function forget(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Somebody else did, or it is not ours.
  }
}

function tagOf(target: string): string {
  return sha256(target).slice(0, 16);
}
