import { clean as cleanCache, type Cleaned, type Reason } from '../../cache/clean.ts';
import { describe } from '../../cache/local.ts';
import type { Command } from '../command.ts';
import { formatBytes, Progress, standardOutput, type Printer } from '../terminal.ts';
import { openWorld } from '../world.ts';

interface Options {
  readonly all: boolean;
  readonly 'dry-run': boolean;
  readonly quiet: boolean;
}

const NOTES = `Deleted are: entries that were removed; stalled ones, which may then be cached again; those that nobody used for max_days; and,
the least recently used first, what is more than max_size. Entries that are not in the store yet stay, but for --all. What an install is
reading stays on disk until a later clean; it is not served to others any more.`;

export const clean: Command<Options> = {
  command: 'clean',
  describe: 'Delete what was removed, what stalled, and what nobody used',
  builder: (argv) =>
    argv
      .option('all', { type: 'boolean', default: false, describe: 'Delete every entry' })
      .option('dry-run', { type: 'boolean', default: false, describe: 'Only say what would go' })
      .option('quiet', { alias: 'q', type: 'boolean', default: false, describe: 'Only say what was freed' })
      .example('$0 clean --dry-run', 'what would go, and why')
      .example('$0 clean', 'delete it')
      .example('PKG_CACHE_MAX_DAYS=1 $0 clean', 'with another limit than the configured one')
      .example('$0 clean --all', 'begin afresh, whatever is installing meanwhile'),
  exits: '0 done, 1 the cache cannot be used',
  notes: NOTES,
  run: ({ all, 'dry-run': dryRun, quiet }) => {
    const { cache, settings, spool } = openWorld();
    const pending = new Set(spool.uploads());
    const { maxDays, maxSize } = settings;
    const printer = standardOutput();
    const progress = new Progress();
    const sums = new Sums();
    for (const cleaned of cleanCache({ cache, maxDays, maxSize, all, stalled: true, dryRun, isNeeded: (id) => pending.has(id), limit: Infinity })) {
      sums.add(cleaned);
      if (!quiet && cleaned.entry) printLine(printer, cleaned);
      else progress.show(sums.describe(dryRun));
    }
    progress.end();
    for (const line of sums.describe(dryRun).split('\n')) printer.line(line);
    printer.flush();
    return 0;
  },
};

const WORDS: Readonly<Record<Reason, string>> = { all: 'all', removed: 'removed', stalled: 'stalled', unused: 'unused', size: 'too much', 'left over': 'left over' };

function printLine(printer: Printer, { entry, reason, bytes, path, deleted }: Cleaned): void {
  const name = entry?.key ? describe({ key: entry.key, version: entry.version ?? entry.key.version }) : '?';
  printer.line([WORDS[reason].padEnd(9), (entry?.key?.ecosystem ?? '?').padEnd(4), name.padEnd(36), formatBytes(bytes).padStart(9), deleted ? path : `${path} (in use)`].join(' '));
}

/** What a clean has done so far. */
class Sums {
  readonly #counts = new Map<string, number>();
  #bytes = 0;
  #inUse = 0;

  add({ reason, bytes, deleted }: Cleaned): void {
    if (!deleted) this.#inUse++;
    else this.#counts.set(WORDS[reason], (this.#counts.get(WORDS[reason]) ?? 0) + 1);
    if (deleted) this.#bytes += bytes;
  }

  describe(dryRun: boolean): string {
    const parts = [...this.#counts].map(([word, count]) => `${count} ${word}`).join(', ') || 'nothing to clean';
    const inUse = this.#inUse === 0 ? '' : `\n${this.#inUse} are in use by an install; a later clean deletes them`;
    return `${dryRun ? 'would free' : 'freed'} ${formatBytes(this.#bytes)}: ${parts}${inUse}`;
  }
}
