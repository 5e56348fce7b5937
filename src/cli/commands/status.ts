import type { Argv } from 'yargs';
import type { Command } from '../command.ts';
import { wholeNumber } from '../numbers.ts';
import { parseNames } from '../select.ts';
import { printStatus, STATUSES } from '../status.ts';
import { standardOutput } from '../terminal.ts';
import { openWorld } from '../world.ts';

interface Options {
  readonly name?: readonly string[] | undefined;
  readonly ecosystem?: string | undefined;
  readonly status?: readonly string[] | undefined;
  readonly sort?: string | undefined;
  readonly limit?: number | undefined;
  readonly json: boolean;
}

function options<T>(argv: Argv<T>): Argv<T & Omit<Options, 'name'>> {
  return argv
    .option('ecosystem', { alias: 'e', choices: ['pip', 'npm'], describe: 'Only entries of pip, or of npm' })
    .option('status', { alias: 's', choices: STATUSES, array: true, describe: 'Only entries of this status' })
    .option('sort', { choices: ['size', 'used', 'name'], describe: 'The largest, the last used, or the first by name come first' })
    .option('limit', { alias: 'n', type: 'number', requiresArg: true, coerce: wholeNumber('--limit', 0), describe: 'At most so many rows' })
    .option('json', { type: 'boolean', default: false, describe: 'Print JSON' });
}

const NOTES = `cached: served to installs.

pending: the same, and not in the store yet.

copying: a process is at it.

stalled: begun and not finished, or failed a check; neither served nor cached again before a clean.

removed: no longer served; deleted by the next clean.`;

export const status: Command<Options> = {
  command: 'status [name..]',
  describe: 'Show what is in the local cache, and what waits to be stored',
  builder: (argv) =>
    options(argv)
      .positional('name', { type: 'string', array: true, describe: 'Only these: name, name==version, na*' })
      .example('$0 status', 'a table: status, ecosystem, package, size, last use, origin, path')
      .example("$0 status 'torch*' -e pip --sort size", 'which builds of torch there are, the largest first')
      .example('$0 status --sort size -n 10', 'the ten largest')
      .example('$0 status -s stalled -s pending', 'what failed a check, and what is not in the store yet')
      .example("$0 status --json | jq '.entries[].package'", 'for programs'),
  exits: '0 done, 1 the cache cannot be used',
  notes: NOTES,
  run: ({ name = [], ecosystem, status: statuses = [], sort, limit = Infinity, json }) => {
    const { cacheDir, cache, spool, fleet } = openWorld();
    const printer = standardOutput();
    printStatus({
      cacheDir,
      cache,
      spool,
      fleet: fleet?.state.read(),
      json,
      filter: { names: parseNames(name), ecosystem, statuses: STATUSES.filter((each) => statuses.includes(each)) },
      sort: sort as 'size' | 'used' | 'name' | undefined,
      limit,
      printer,
    });
    printer.flush();
    return 0;
  },
};

/** `pkg-cache` alone. A word behind it would be a command. */
export const bareStatus: Command<Options> = { ...status, command: '$0', describe: false, builder: options };
