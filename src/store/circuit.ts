import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

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
  try {
    const { until, reason } = JSON.parse(readFileSync(path, 'utf8')) as Partial<Record<keyof Opened, unknown>>;
    if (typeof until !== 'number' || !(until <= now + CIRCUIT_MS)) return undefined;
    return { until, reason: typeof reason === 'string' ? reason : '' };
  } catch {
    return undefined;
  }
}

function writeOpened(path: string, opened: Opened): boolean {
  const temporary = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(temporary, JSON.stringify(opened), { mode: 0o600 });
    renameSync(temporary, path);
    return true;
  } catch {
    remove(temporary);
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
