import type { Progress } from '../fleet/snapshot/unpack.ts';

/** How often a log is told, and a terminal, in milliseconds. */
const LOG_EVERY = 10_000;
const DRAW_EVERY = 100;

const WIDTH = 30;

/** Bytes as people read them. */
export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Tells on stderr how far something is: a bar on a terminal, elsewhere a line every ten seconds. `done` clears the bar away. */
export function showProgress(what: string, stream: NodeJS.WriteStream = process.stderr): { update: (progress: Progress) => void; done: () => void } {
  const every = stream.isTTY ? DRAW_EVERY : LOG_EVERY;
  const started = performance.now();
  let told = stream.isTTY ? -Infinity : started;
  return {
    update({ entries, bytes, ofEntries, ofBytes }) {
      const now = performance.now();
      if (now - told < every) return;
      told = now;
      const part = ofBytes === 0 ? 1 : bytes / ofBytes;
      const rate = `${(bytes / 1e3 / Math.max(1, now - started)).toFixed(0)} MB/s`;
      const figures = `${entries} of ${ofEntries} entries, ${megabytes(bytes)} of ${megabytes(ofBytes)}, ${rate}`;
      const bar = '#'.repeat(Math.round(part * WIDTH)).padEnd(WIDTH, '.');
      stream.write(stream.isTTY ? `\r${what} [${bar}] ${figures}\x1b[K` : `${what}: ${figures}\n`);
    },
    done() {
      if (stream.isTTY) stream.write('\r\x1b[K');
    },
  };
}
