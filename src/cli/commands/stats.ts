import { writeFileSync } from 'node:fs';
import { extname } from 'node:path';
import { dayOf } from '../../cache/day-files.ts';
import { PkgCacheError, systemCode } from '../../errors.ts';
import { resetStatistics, totals, type Total } from '../../stats/totals.ts';
import type { Command } from '../command.ts';
import { wholeNumber } from '../numbers.ts';
import { chartOf, type Chart } from '../plot/chart.ts';
import { png } from '../plot/png.ts';
import { svg } from '../plot/svg.ts';
import { prometheus, sum } from '../prometheus.ts';
import { formatBytes, formatCount, formatSeconds, standardOutput, type Printer } from '../terminal.ts';
import { openWorld, type World } from '../world.ts';

const DAY = 86_400_000;

interface Options {
  readonly days?: number | undefined;
  readonly json: boolean;
  readonly prometheus: boolean;
  readonly plot?: string | undefined;
  readonly reset: boolean;
}

const NOTES = `Days are those of UTC. Kept are counts, bytes and times; no names, paths or URLs. Time saved is an estimate: what the real tool
took for the same packages when it installed them on this worker (for others: the average), less what serving them took. A day that is over
is kept as a sum, for 400 days.`;

export const stats: Command<Options> = {
  command: 'stats',
  describe: 'Show what the cache has served, what it has not, and why',
  builder: (argv) =>
    argv
      .option('days', { type: 'number', requiresArg: true, coerce: wholeNumber('--days', 1), describe: 'Only the last so many days, today included' })
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' })
      .option('prometheus', { type: 'boolean', default: false, describe: 'Print metrics for a scraper' })
      .option('plot', { type: 'string', describe: 'Write a chart of packages per day to this file: FILE.svg or FILE.png', requiresArg: true })
      .option('reset', { type: 'boolean', default: false, describe: 'Begin afresh' })
      .example('$0 stats', 'a row per day and ecosystem')
      .example('$0 stats --days 7 --plot week.svg', 'a chart of the last seven days; .png works as well')
      .example('$0 stats --prometheus > /var/lib/node_exporter/pkg-cache.prom', "for node_exporter's textfile collector"),
  exits: '0 done, 1 the cache cannot be used',
  notes: NOTES,
  run: (options) => {
    refuseContradictions(options);
    const world = openWorld();
    if (options.reset) {
      resetStatistics(world.cache);
      console.error('statistics begin afresh');
      return 0;
    }
    const first = options.days === undefined ? undefined : dayOf(Date.now() - (options.days - 1) * DAY);
    show(totals(world.cache).filter(({ day }) => first === undefined || day >= first), first, world, options);
    return 0;
  },
};

function refuseContradictions({ json, prometheus: metrics, reset, days }: Options): void {
  if ([json, metrics, reset].filter(Boolean).length > 1) throw new PkgCacheError('USAGE', '--json, --prometheus and --reset exclude each other');
  if (metrics && days !== undefined) throw new PkgCacheError('USAGE', '--prometheus takes no --days: its counters count on from the last reset');
}

/** `first`: the first day that was asked for. */
function show(rows: readonly Total[], first: string | undefined, { spool }: World, { json, prometheus: metrics, plot: file }: Options): void {
  const printer = standardOutput();
  const queue = { jobs: spool.jobs().length, uploads: spool.uploads().length };
  if (file !== undefined) write(file, chartOf(rows, first ?? rows[0]?.day, dayOf(Date.now())));
  if (json) printer.line(JSON.stringify({ days: rows, queue }, null, 2));
  else if (metrics) printer.write(prometheus(rows, queue));
  else if (file === undefined) table(rows, queue, printer);
  printer.flush();
}

const FORMATS: Readonly<Record<string, (chart: Chart) => string | Buffer>> = { '.svg': svg, '.png': png };

function write(file: string, chart: Chart): void {
  const format = FORMATS[extname(file).toLowerCase()];
  if (!format) throw new PkgCacheError('USAGE', `${file} ends neither in .svg nor in .png`);
  try {
    writeFileSync(file, format(chart));
  } catch (error) {
    throw new PkgCacheError('USAGE', `${file} cannot be written: ${systemCode(error) ?? 'unknown error'}`);
  }
}

function table(rows: readonly Total[], queue: { jobs: number; uploads: number }, printer: Printer): void {
  const columns = (cells: readonly (string | number)[]): string => cells.map((cell, index) => (index === 0 ? String(cell).padEnd(10) : index === 1 ? String(cell).padEnd(4) : String(cell).padStart(9))).join(' ');
  printer.line(printer.paint('bold', columns(['day', 'tool', 'installs', 'served', 'local', 'store', 'missed', 'bytes', 'saved'])));
  const row = (day: string, ecosystem: string, { installs, served, local, store, missed, bytes, saved }: Omit<Total, 'day' | 'ecosystem'>): string =>
    columns([day, ecosystem, installs, served, local, store, missed, formatBytes(bytes), formatSeconds(saved / 1000)]);
  for (const { day, ecosystem, ...rest } of rows) printer.line(row(day, ecosystem, rest));
  const sums = sum(rows);
  if (rows.length > sums.size) for (const [ecosystem, total] of sums) printer.line(printer.paint('bold', row('all', ecosystem, total)));
  for (const [ecosystem, { reasons, installs }] of sums) {
    const parts = Object.entries(reasons).sort(([, a], [, b]) => b - a).map(([reason, count]) => `${count} ${reason}`);
    if (parts.length > 0) printer.line(`${ecosystem}: left to the real tool, of ${formatCount(installs, 'install')}: ${parts.join(', ')}`);
  }
  printer.line(`waiting: ${formatCount(queue.jobs, 'job')}, ${formatCount(queue.uploads, 'upload')}`);
}
