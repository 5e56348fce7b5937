import { appendFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemCode } from '../errors.ts';
import { listDir } from './sweep.ts';

/**
 * Records by day: `<directory>/2026-01-31.jsonl`, a line of JSON each. Any number of processes append at once (a short append goes to the end
 * of the file as a whole); what a killed one has left half is skipped. Days are those of UTC.
 */
export class DayFiles {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Appends a record. Throws the system's error. */
  append(record: object, now = Date.now()): void {
    const line = `${JSON.stringify(record)}\n`;
    const path = this.path(dayOf(now));
    try {
      appendFileSync(path, line);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      mkdirSync(this.#directory, { recursive: true });
      appendFileSync(path, line);
    }
  }

  /** The days that there is a file of, oldest first. */
  days(): string[] {
    return listDir(this.#directory).flatMap((name) => /^(\d{4}-\d\d-\d\d)\.jsonl$/.exec(name)?.[1] ?? []).sort();
  }

  path(day: string): string {
    return join(this.#directory, `${day}.jsonl`);
  }

  /** A day's records, as far as they can be read; whoever asks looks whether they are what is expected. */
  read(day: string): unknown[] {
    return parseLines(readText(this.path(day)));
  }

  /** Removes files that are older than so many days. */
  sweep(days: number, now = Date.now()): void {
    const oldest = dayOf(now - days * 86_400_000);
    for (const day of this.days()) if (day < oldest) rmSync(this.path(day), { force: true });
  }
}

/** The day of a time (epoch milliseconds), as `2026-01-31`, UTC. */
export function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

/** The values of lines of JSON; those that are none are left out. */
export function parseLines(text: string): unknown[] {
  return text.split('\n').flatMap((line): unknown[] => {
    try {
      return line === '' ? [] : [JSON.parse(line)];
    } catch {
      return [];
    }
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
