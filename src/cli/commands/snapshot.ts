import { PkgCacheError } from '../../errors.ts';
import { AT_ONCE } from '../../fleet/pace.ts';
import { packCache } from '../../fleet/snapshot/election.ts';
import { periodName } from '../../fleet/snapshot/format.ts';
import type { Command } from '../command.ts';
import { formatBytes, formatCount } from '../terminal.ts';
import { openFleet } from '../world.ts';

export const snapshot: Command<{ now: boolean }> = {
  command: 'snapshot',
  describe: 'Pack the hot part of the cache for workers that start',
  builder: (argv) =>
    argv
      .option('now', { type: 'boolean', describe: 'Make one now, whatever there is' })
      .demandOption('now', '(the background process makes snapshots by itself; --now makes one at once)')
      .example('$0 snapshot --now', 'before many workers are started; exit 1 if it could not be stored'),
  exits: '0 it is stored, 1 it is not: nothing is cached, another one was first, or the store cannot be written',
  run: async () => {
    const { fleet, close } = await openFleet(AT_ONCE);
    try {
      if (fleet.readOnly) throw new PkgCacheError('CONFIG', 'this worker makes no snapshots: read_only is on');
      const now = await fleet.store.now();
      const period = periodName(now);
      const built = await packCache(fleet, period, now);
      if (built.outcome === 'live') console.log(`snapshot ${period} of ${fleet.group}: ${formatCount(built.count, 'entry', 'entries')}, ${formatBytes(built.bytes)}`);
      else console.error(built.outcome === 'empty' ? 'pkg-cache: nothing is cached that could be packed' : `pkg-cache: another snapshot of ${period} was there first`);
      return built.outcome === 'live' ? 0 : 1;
    } finally {
      close();
    }
  },
};
