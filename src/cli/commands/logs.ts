import { closeSync, openSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { dayOf, parseLines, type DayFiles } from '../../cache/day-files.ts';
import { isLogRecord, logFiles, type LogRecord } from '../../log.ts';
import type { Command } from '../command.ts';
import { wholeNumber } from '../numbers.ts';
import { formatBytes, formatSeconds, printable, standardOutput, type Printer } from '../terminal.ts';
import { openWorld } from '../world.ts';

interface Options {
  readonly follow: boolean;
  readonly lines?: number | undefined;
  readonly json: boolean;
}

export const logs: Command<Options> = {
  command: 'logs',
  describe: 'Show what the background process did, and why something was not cached',
  builder: (argv) =>
    argv
      .option('follow', { alias: 'f', type: 'boolean', default: false, describe: 'Go on with what comes, until interrupted' })
      .option('lines', { alias: 'n', type: 'number', requiresArg: true, coerce: wholeNumber('--lines', 0), describe: 'Only the last so many' })
      .option('json', { type: 'boolean', default: false, describe: 'A line of JSON each: time, pid, level, message, entry, seconds, bytes' })
      .example('$0 logs', 'all that is kept')
      .example('$0 logs -n 20 -f', 'the last 20 lines, and then what comes')
      .example("$0 logs --json | jq 'select(.level != \"info\")'", 'what went wrong'),
  exits: '0 done, 1 the cache cannot be used',
  notes: 'Times are local. The log is kept for log_days.',
  run: async ({ follow, lines, json }) => {
    const files = logFiles(openWorld().cache);
    const printer = standardOutput();
    const show = (record: LogRecord): void => printer.line(json ? JSON.stringify(record) : format(record, printer));
    const today = dayOf(Date.now());
    const tail = new Tail(files.path(today));
    const past = files.days().filter((day) => day !== today).flatMap((day) => files.read(day).filter(isLogRecord));
    const all = [...past, ...tail.read()];
    for (const record of lines === undefined ? all : all.slice(Math.max(0, all.length - lines))) show(record);
    printer.flush();
    if (follow) await goOn(files, { day: today, tail }, show, printer);
    return 0;
  },
};

async function goOn(files: DayFiles, start: { day: string; tail: Tail }, show: (record: LogRecord) => void, printer: Printer): Promise<never> {
  for (let { day, tail } = start; ; await sleep(200)) {
    for (const record of tail.read()) show(record);
    printer.flush();
    const today = dayOf(Date.now());
    if (today !== day) [day, tail] = [today, new Tail(files.path(today))];
  }
}

/** Reads a file that grows. */
class Tail {
  readonly #path: string;
  #offset = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** The records that were added, up to the last whole line. */
  read(): LogRecord[] {
    const bytes = readFrom(this.#path, this.#offset);
    const end = bytes.lastIndexOf(0x0a) + 1;
    this.#offset += end;
    return parseLines(bytes.toString('utf8', 0, end)).filter(isLogRecord);
  }
}

function readFrom(path: string, offset: number): Buffer {
  const pieces: Buffer[] = [];
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch {
    return Buffer.alloc(0); // Nothing has been logged today.
  }
  try {
    for (let at = offset; ; ) {
      const piece = Buffer.allocUnsafe(1 << 16);
      const count = readSync(fd, piece, 0, piece.length, at);
      if (count === 0) return Buffer.concat(pieces);
      pieces.push(piece.subarray(0, count));
      at += count;
    }
  } finally {
    closeSync(fd);
  }
}

function format({ time, pid, level, message, seconds, bytes }: LogRecord, printer: Printer): string {
  const colour = level === 'error' ? 'red' : level === 'warn' ? 'yellow' : 'dim';
  const figures = [...(seconds === undefined ? [] : [formatSeconds(seconds)]), ...(bytes === undefined ? [] : [formatBytes(bytes)])];
  const text = `${printable(message)}${figures.length === 0 ? '' : ` (${figures.join(', ')})`}`;
  return `${localTime(time)} ${String(pid).padStart(7)} ${printer.paint(colour, level.padEnd(5))} ${text}`;
}

function localTime(time: string): string {
  const date = new Date(time);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19).replace('T', ' ');
}
