import { attend, isDue } from '../../fleet/attend.ts';
import { doJobs, isInstalling } from '../../fleet/background.ts';
import { runDaemon } from '../../fleet/daemon.ts';
import { considerate } from '../../fleet/pace.ts';
import type { Command } from '../command.ts';
import { outliveReader } from '../terminal.ts';
import { openWorld } from '../world.ts';

/** How long what is under way may take to come to an end, in milliseconds. */
const GRACE = 10_000;

export const daemon: Command<object> = {
  command: 'daemon',
  describe: 'Stay and keep this worker in step with the fleet: warm up, sync, take part in snapshots',
  builder: (argv) => argv.example('$0 daemon &', 'beside a worker; ends on SIGTERM and SIGINT; says on stderr what it does'),
  exits: '0 it was told to end, 1 the cache cannot be used',
  run: async () => {
    outliveReader();
    const { background, fleet: world } = openWorld({ tell: (message) => console.error(`pkg-cache: ${message}`) });
    if (!world) background.log('daemon: no store is configured, so there is no fleet; what installs bring is cached here');
    const stop = new AbortController();
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => stopSoon(stop));
    const pace = considerate({ isBusy: () => isInstalling(background), tend: () => void doJobs(background), signal: stop.signal });
    const attendOnce = async (): Promise<void> => {
      if (!world) return;
      const { fleet, close } = await world.open(pace);
      try {
        await attend(fleet);
      } finally {
        close();
      }
    };
    await runDaemon({ background, signal: stop.signal, begin: attendOnce, isDue: () => world !== undefined && isDue(world.settings, world.state), attend: attendOnce });
    return 0;
  },
};

function stopSoon(stop: AbortController): void {
  stop.abort();
  // An upload that hangs: whatever was not done is still in the spool.
  setTimeout(() => process.exit(0), GRACE).unref();
}
