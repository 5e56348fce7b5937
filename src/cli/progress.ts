import type { Progress as Steps } from '../fleet/snapshot/unpack.ts';
import { Progress, formatBytes } from './terminal.ts';

/** How often a log is told, in milliseconds. */
const LOG_EVERY = 10_000;

const WIDTH = 20;

/** Tells on standard error how far something is: a bar on a terminal, elsewhere a line every ten seconds. `done` clears the bar away. */
export function showProgress(what: string): { update: (steps: Steps) => void; done: () => void } {
  const bar = new Progress();
  const started = performance.now();
  let told = started;
  return {
    update({ entries, bytes, ofEntries, ofBytes }) {
      const now = performance.now();
      const part = ofBytes === 0 ? 1 : bytes / ofBytes;
      const figures = `${entries} of ${ofEntries} entries, ${formatBytes(bytes)} of ${formatBytes(ofBytes)}, ${formatBytes((bytes / Math.max(1, now - started)) * 1000)}/s`;
      bar.show(`${what} [${'#'.repeat(Math.round(part * WIDTH)).padEnd(WIDTH, '.')}] ${figures}`);
      if (process.stderr.isTTY || now - told < LOG_EVERY) return;
      told = now;
      process.stderr.write(`${what}: ${figures}\n`);
    },
    done: () => bar.end(),
  };
}
