import { appendFileSync, chmodSync, closeSync, cpSync, ftruncateSync, lstatSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemCode } from '../errors.ts';

/** One change of the target, in the form in which it can be taken back. */
type Step =
  | { readonly create: string } // a file, or a directory with all that is in it, where nothing was
  | { readonly directory: string } // a directory that others may put something into
  | { readonly aside: string; readonly stored: string }; // moved out of the way

/** A line of the journal: a change, or that the change of that number has been taken back. */
type Line = Step | { readonly undone: number };

/**
 * What an install changed, so that it can be taken back: by the process itself, or, if that was killed, by the next one.
 * Every change is noted before it is made, in memory and in the journal; `rollback` takes all back in reverse.
 */
export class UndoLog {
  readonly #attic: string;
  readonly #directoryMode: number;
  readonly #journal: number;
  readonly #steps: Step[] = [];
  #stored = 0;

  /** `workshop`: a private directory on the target's file system, for the journal and for what is set aside. */
  constructor(workshop: string, directoryMode: number) {
    this.#attic = join(workshop, 'attic');
    this.#directoryMode = directoryMode;
    this.#journal = openSync(journalOf(workshop), 'ax');
  }

  /** Notes that `path` is about to be created where nothing was. */
  creates(path: string): void {
    this.#note({ create: path });
  }

  /** Makes a directory and those above it. */
  makeDirectory(path: string): void {
    if (exists(path)) return;
    if (dirname(path) !== path) this.makeDirectory(dirname(path));
    this.#note({ directory: path });
    mkdirSync(path);
    chmodSync(path, this.#directoryMode);
  }

  /** Moves an existing file or directory out of the way. */
  setAside(path: string): void {
    mkdirSync(this.#attic, { recursive: true });
    const stored = join(this.#attic, String(this.#stored++));
    this.#note({ aside: path, stored });
    moveAcross(path, stored);
  }

  /** Takes everything back, and says whether that worked; what cannot be undone is left, the workshop with it. */
  rollback(): boolean {
    return takeBack([...this.#steps.splice(0).entries()], this.#journal);
  }

  /** The changes stay: from here on there is nothing to be taken back, even if the workshop cannot be removed. */
  close(): void {
    ftruncateSync(this.#journal);
    closeSync(this.#journal);
  }

  #note(step: Step): void {
    appendFileSync(this.#journal, `${JSON.stringify(step)}\n`);
    this.#steps.push(step);
  }
}

/** The journal in a workshop. */
export function journalOf(workshop: string): string {
  return join(workshop, 'journal');
}

/** Takes back what a process that was killed had noted in its workshop, and had not taken back itself. */
export function recover(workshop: string): boolean {
  const lines = readJournal(workshop);
  const undone = new Set(lines.map((line) => ('undone' in line ? line.undone : undefined)));
  const steps = lines.filter((line): line is Step => !('undone' in line));
  const journal = openSync(journalOf(workshop), 'a');
  try {
    return takeBack([...steps.entries()].filter(([index]) => !undone.has(index)), journal);
  } finally {
    closeSync(journal);
  }
}

/** The lines of a journal, up to one that a crash has damaged. */
function readJournal(workshop: string): Line[] {
  const lines: Line[] = [];
  for (const text of readFileSync(journalOf(workshop), 'utf8').split('\n').slice(0, -1)) {
    try {
      lines.push(JSON.parse(text) as Line);
    } catch {
      break;
    }
  }
  return lines;
}

/**
 * Undoes steps, given with their numbers, the last first. Each is noted, because to undo one twice is wrong: a file that was created where
 * another had been set aside would be removed a second time, when it is the other.
 */
function takeBack(steps: readonly (readonly [number, Step])[], journal: number): boolean {
  let complete = true;
  for (const [index, step] of [...steps].reverse()) {
    try {
      undo(step);
      appendFileSync(journal, `${JSON.stringify({ undone: index })}\n`);
    } catch {
      complete = false;
    }
  }
  return complete;
}

function undo(step: Step): void {
  if ('create' in step) return rmSync(step.create, { recursive: true, force: true });
  if ('directory' in step) return removeIfEmpty(step.directory);
  // Noted, but killed before it was moved.
  if (!exists(step.stored)) return;
  // Killed while it was being copied, or somebody has put something there: what is there stays, and so does what was stored.
  if (exists(step.aside)) throw new Error(`${step.aside} is there already`);
  mkdirSync(dirname(step.aside), { recursive: true });
  moveAcross(step.stored, step.aside);
}

/**
 * Renames, or does what amounts to it where that is not possible (a bind mount, a directory in a lower layer of overlayfs). Only files
 * and directories without files are ever set aside.
 */
function moveAcross(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (systemCode(error) !== 'EXDEV') throw error;
    cpSync(from, to, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
    rmSync(from, { recursive: true, force: true });
  }
}

/** Whether something is at `path`, a dangling link included. */
export function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function removeIfEmpty(path: string): void {
  try {
    rmdirSync(path);
  } catch {
    // Somebody else has put something there.
  }
}
