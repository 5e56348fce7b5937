import { writeFileSync } from 'node:fs';
import { PkgCacheError, systemCode } from '../../errors.ts';
import { resetStatistics, totals, type Total } from '../../stats/totals.ts';
import type { Command } from '../command.ts';
import { plot } from '../plot.ts';
import { prometheus, sum } from '../prometheus.ts';
import { formatBytes, formatCount, formatSeconds, standardOutput, type Printer } from '../terminal.ts';
import { openWorld, type World } from '../world.ts';

interface Options {
  readonly days?: number | undefined;
  readonly json: boolean;
  readonly prometheus: boolean;
  readonly plot?: string | undefined;
  readonly reset: boolean;
}

export const stats: Command<Options> = {
  command: 'stats',
  describe: 'Show what the cache has served, what it has not, and why',
  builder: (argv) =>
    argv
      .option('days', { type: 'number', describe: 'Only the last so many days, today included' })
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' })
      .option('prometheus', { type: 'boolean', default: false, describe: 'Print metrics for a scraper' })
      .option('plot', { type: 'string', describe: 'Write a chart of packages per day, as SVG, to this file', requiresArg: true })
      .option('reset', { type: 'boolean', default: false, describe: 'Begin afresh' })
      .epilogue(EPILOGUE)
      .example('$0 stats', 'a row per day and ecosystem')
      .example('$0 stats --days 7 --plot week.svg', 'a chart; SVG only, which browsers and converters read')
      .example('$0 stats --prometheus > /var/lib/node_exporter/pkg-cache.prom', "for node_exporter's textfile collector"),
  exits: '0 done, 1 the cache cannot be used',
  run: (options) => {
    const world = openWorld();
    if (options.reset) {
      resetStatistics(world.cache);
      console.error('statistics begin afresh');
      return 0;
    }
    const all = totals(world.cache);
    const days = [...new Set(all.map(({ day }) => day))].slice(-(options.days ?? Infinity));
    show(all.filter(({ day }) => days.includes(day)), world, options);
    return 0;
  },
};

const EPILOGUE = `Days are those of UTC. Kept are counts, bytes and times; no names, paths or URLs. Time saved is an estimate: what the real tool
took for the same packages when it installed them on this worker (for others: the average), less what serving them took. A day that is over
is kept as a sum, for 400 days.`;

function show(rows: readonly Total[], { spool }: World, { json, prometheus: metrics, plot: file }: Options): void {
  const printer = standardOutput();
  const queue = { jobs: spool.jobs().length, uploads: spool.uploads().length };
  if (file !== undefined) write(file, plot(rows));
  if (json) printer.line(JSON.stringify({ days: rows, queue }, null, 2));
  else if (metrics) printer.write(prometheus(rows, queue));
  else if (file === undefined) table(rows, queue, printer);
  printer.flush();
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new PkgCacheError('USAGE', `${file} cannot be written: ${systemCode(error) ?? 'unknown error'}`);
  }
}

function table(rows: readonly Total[], queue: { jobs: number; uploads: number }, printer: Printer): void {
  const columns = (cells: readonly (string | number)[]): string => cells.map((cell, index) => (index === 0 ? String(cell).padEnd(10) : index === 1 ? String(cell).padEnd(4) : String(cell).padStart(9))).join(' ');
  printer.line(printer.paint('bold', columns(['day', 'from', 'installs', 'served', 'local', 'store', 'missed', 'bytes', 'saved'])));
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
