import { appendFileSync, chmodSync, closeSync, lstatSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** One change of the target, in the form in which it can be taken back. */
type Step =
  | { readonly create: string } // a file, or a directory with all that is in it, where nothing was
  | { readonly directory: string } // a directory that others may put something into
  | { readonly aside: string; readonly stored: string }; // moved out of the way

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
    renameSync(path, stored);
  }

  /** Takes everything back, and says whether that worked; what cannot be undone is left, the workshop with it. */
  rollback(): boolean {
    return takeBack(this.#steps.splice(0));
  }

  close(): void {
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

/** Takes back what a process that was killed had noted in its workshop. */
export function recover(workshop: string): boolean {
  const lines = readFileSync(journalOf(workshop), 'utf8').split('\n').slice(0, -1);
  return takeBack(lines.map((line) => JSON.parse(line) as Step));
}

function takeBack(steps: readonly Step[]): boolean {
  let complete = true;
  for (const step of [...steps].reverse()) {
    try {
      undo(step);
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
  mkdirSync(dirname(step.aside), { recursive: true });
  renameSync(step.stored, step.aside);
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
