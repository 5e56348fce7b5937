import { DayFiles } from './cache/day-files.ts';
import type { LocalCache } from './cache/local.ts';
import { printable } from './printable.ts';
import { count, finite, isA, maybe, object, oneOf, text } from './shape.ts';

/** What else a line of the log says, where it applies. */
export interface LogDetails {
  /** `info` if not given. */
  readonly level?: 'info' | 'warn' | 'error';
  /** `name==version`. */
  readonly entry?: string;
  readonly seconds?: number;
  readonly bytes?: number;
}

/** A line of the log of background work. */
export interface LogRecord extends LogDetails {
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly pid: number;
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
}

/** Writes to the log of background work. No URL goes in there, and nothing that somebody's configuration says. */
export type Log = (message: string, details?: LogDetails) => void;

/** Where the log lies. */
export function logFiles(cache: LocalCache): DayFiles {
  return new DayFiles(cache.path('state', 'log'));
}

/** A log that is kept for `days`; 0: none. What cannot be written is dropped: no work fails for its log. */
export function openLog(cache: LocalCache, days: number): Log {
  const files = logFiles(cache);
  if (days === 0) return () => undefined;
  return (message, details = {}) => {
    const record: LogRecord = { time: new Date().toISOString(), pid: process.pid, level: 'info', message: printable(message), ...details, ...(details.entry !== undefined && { entry: printable(details.entry) }) };
    try {
      files.append(record);
    } catch {
      // A full disk, or somebody else's cache.
    }
  };
}

/** A log that tells somebody as well: how the whole is doing, and what is wrong, but not of every entry. */
export function alsoTold(log: Log, tell: (message: string) => void): Log {
  return (message, details = {}) => {
    log(message, details);
    if (details.entry === undefined || (details.level ?? 'info') !== 'info') tell(message);
  };
}

/** Whether a line that was read is one of ours. */
export function isLogRecord(value: unknown): value is LogRecord {
  return isA(RECORD, value);
}

const RECORD = object<LogRecord>({ time: text, pid: count, level: oneOf('info', 'warn', 'error'), message: text, entry: maybe(text), seconds: maybe(finite), bytes: maybe(finite) });
