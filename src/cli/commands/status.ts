import type { Command } from '../command.ts';
import { printStatus } from '../status.ts';
import { openWorld } from '../world.ts';

export const status: Command<{ json: boolean }> = {
  command: ['status', '$0'],
  describe: 'Show what is in the local cache, and what waits to be stored',
  builder: (argv) =>
    argv
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' })
      .example('$0 status', 'a table: status, package, origin, path')
      .example('$0 status --json', 'the same for programs'),
  run: ({ json }) => {
    const { cacheDir, cache, spool } = openWorld();
    printStatus({ cacheDir, cache, spool, json, print: (line) => console.log(line) });
    return 0;
  },
};
