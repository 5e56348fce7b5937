import { AT_ONCE } from '../../fleet/pace.ts';
import { sync as syncOnce } from '../../fleet/sync.ts';
import type { Command } from '../command.ts';
import { openFleet } from '../world.ts';

export const sync: Command<{ once: boolean }> = {
  command: 'sync',
  describe: 'Bring down what other workers have stored, and store what they lack',
  builder: (argv) =>
    argv
      .option('once', { type: 'boolean', describe: 'Do it now, once' })
      .demandOption('once', '(the background process syncs by itself; --once does it now)')
      .example('$0 sync --once', 'exit 1 if the store could not be read, or something was left out'),
  exits: '0 done, 1 the store could not be read, or something was left out',
  run: async () => {
    const { fleet, close } = await openFleet(AT_ONCE);
    try {
      const { down, up, behind, over, denied } = await syncOnce(fleet, { afresh: true });
      console.log(`${down} brought down, ${up} stored${behind > 0 ? `, ${behind} left out` : ''}${over > 0 ? `, ${over} more than max_size allows` : ''}`);
      if (denied !== undefined) console.error(`pkg-cache: nothing can be stored: ${denied}`);
      return behind > 0 ? 1 : 0;
    } finally {
      close();
    }
  },
};
