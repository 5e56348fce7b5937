import { rmSync } from 'node:fs';
import { replaceFile } from '../replace-file.ts';
import { finite, object, readA, text } from '../shape.ts';

/** How long a store that failed is left alone, in milliseconds. */
export const CIRCUIT_MS = 60_000;

/** Remembers that a store failed, so that nobody waits for it again. Times are epoch milliseconds. */
export interface CircuitState {
  /** When the store may be tried again (possibly in the past: nobody has tried since), or undefined if all is well. */
  openUntil(): number | undefined;
  /** Why it was opened, as a message without credentials. */
  reason(): string | undefined;
  open(until: number, reason: string): void;
  close(): void;
}

interface Opened {
  readonly until: number;
  readonly reason: string;
}

/** A circuit that only this process knows of. */
export function memoryCircuit(): CircuitState {
  let opened: Opened | undefined;
  return {
    openUntil: () => opened?.until,
    reason: () => opened?.reason,
    open: (until, reason) => void (opened = { until, reason }),
    close: () => void (opened = undefined),
  };
}

/**
 * A circuit that all processes with the same `path` share. One file belongs to one store location. A file that cannot be
 * read, or that cannot have been written by a clock that runs as ours (it ends later than CIRCUIT_MS from now), counts
 * as closed; one that cannot be written leaves the circuit to this process's memory.
 */
export function fileCircuit(path: string, now: () => number = Date.now): CircuitState {
  const memory = memoryCircuit();
  const current = (): Opened | undefined => {
    const until = memory.openUntil();
    return until === undefined ? readOpened(path, now()) : { until, reason: memory.reason() ?? '' };
  };
  return {
    openUntil: () => current()?.until,
    reason: () => current()?.reason,
    open(until, reason) {
      if (!writeOpened(path, { until, reason })) memory.open(until, reason);
    },
    close() {
      memory.close();
      remove(path);
    },
  };
}

function readOpened(path: string, now: number): Opened | undefined {
  const opened = readA(OPENED, path);
  return opened && opened.until <= now + CIRCUIT_MS ? opened : undefined;
}

const OPENED = object<Opened>({ until: finite, reason: text });

function writeOpened(path: string, opened: Opened): boolean {
  try {
    replaceFile(path, JSON.stringify(opened), 0o600);
    return true;
  } catch {
    return false;
  }
}

/** What cannot be removed closes by itself when its time is over. */
function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // A file in place of its directory, or a directory that may only be read.
  }
}
