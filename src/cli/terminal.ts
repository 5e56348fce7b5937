import { processEnv } from '../config.ts';

/** Where commands print to. */
export interface Printer {
  line(text: string): void;
  /** Text without a line's end. */
  write(text: string): void;
  /** Text in a colour, where there are colours. */
  paint(colour: Colour, text: string): string;
  /** Prints what has not been printed yet. */
  flush(): void;
}

export type Colour = keyof typeof CODES;

/** ECMA-48, SGR. */
const CODES = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 } as const;

/** A write costs as much as reading an entry, so that a long table is written in pieces of this many characters. */
const PIECE = 1 << 16;

/** Prints to standard output: in colours only on a terminal, and not where NO_COLOR (no-color.org) asks for none. */
export function standardOutput(): Printer {
  const colours = hasColours(process.stdout.isTTY);
  let waiting = '';
  const flush = (): void => {
    if (waiting !== '') process.stdout.write(waiting);
    waiting = '';
  };
  const write = (text: string): void => {
    waiting += text;
    if (waiting.length > PIECE) flush();
  };
  return {
    write,
    line: (text) => write(`${text}\n`),
    paint: (colour, text) => (colours ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text),
    flush,
  };
}

function hasColours(isTerminal: boolean): boolean {
  const { NO_COLOR: none = '', TERM: term } = processEnv();
  return isTerminal && none === '' && term !== 'dumb';
}

/** Whoever reads our output may stop (`| head`): then there is nothing more to be done, and nothing wrong. */
export function endQuietlyWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
}

/** Whoever reads what we tell meanwhile may stop, and the work goes on. */
export function outliveReader(): void {
  process.stderr.on('error', () => undefined);
}

/** A line at the bottom of a terminal that says how far long work is; nothing where standard error is none. */
export class Progress {
  readonly #shown = process.stderr.isTTY && hasColours(true);
  #last = 0;

  show(text: string): void {
    if (!this.#shown || Date.now() - this.#last < 100) return;
    this.#last = Date.now();
    process.stderr.write(`\r\u001b[K${text.slice(0, (process.stderr.columns > 0 ? process.stderr.columns : 80) - 1)}`);
  }

  end(): void {
    if (this.#shown && this.#last > 0) process.stderr.write('\r\u001b[K');
  }
}

/** A number of things for people: `1 entry`, `2 entries`. */
export function formatCount(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Bytes for people, in decimal units as disks are sold: `6.7 MB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${units[power] ?? ''}`;
}

/** A time of the past for people: `2 h ago`. */
export function formatAge(time: number, now = Date.now()): string {
  const seconds = Math.max(0, (now - time) / 1000);
  if (seconds < 60) return 'just now';
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

/** Seconds for people: `0.25 s`, `3 min`, `2.1 h`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(2)} s`;
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** A text without control characters, of which a terminal would make something else; they are written as in JSON. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- they are the point
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
