import { chmodSync, lstatSync, mkdirSync, renameSync, rmSync, rmdirSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * What an install changed, so that it can be taken back. Every change is noted here before it is made; `rollback` undoes them in
 * reverse. What was moved out of the way waits in a private directory, the attic, on the same file system.
 */
export class UndoLog {
  readonly #attic: string;
  readonly #directoryMode: number;
  readonly #steps: (() => void)[] = [];
  #stored = 0;

  constructor(attic: string, directoryMode: number) {
    this.#attic = attic;
    this.#directoryMode = directoryMode;
  }

  /** Notes that `path` (a file, or a directory with all that is in it) is about to be created where nothing was. */
  creates(path: string): void {
    this.#steps.push(() => rmSync(path, { recursive: true, force: true }));
  }

  /** Makes a directory and those above it. */
  makeDirectory(path: string): void {
    if (exists(path)) return;
    if (dirname(path) !== path) this.makeDirectory(dirname(path));
    this.#steps.push(() => removeIfEmpty(path));
    mkdirSync(path);
    chmodSync(path, this.#directoryMode);
  }

  /** Moves an existing file or directory out of the way. */
  setAside(path: string): void {
    mkdirSync(this.#attic, { recursive: true });
    const stored = join(this.#attic, String(this.#stored++));
    renameSync(path, stored);
    this.#steps.push(() => {
      mkdirSync(dirname(path), { recursive: true });
      renameSync(stored, path);
    });
  }

  /** Takes everything back, and says whether that worked; what cannot be undone is left, the attic with it. */
  rollback(): boolean {
    let complete = true;
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        step();
      } catch {
        complete = false;
      }
    }
    return complete;
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
