import type { Command } from '../command.ts';
import { describeRefused, describeRemainder, flushSpool, notCachedSinceLastFlush } from '../flush.ts';
import { openWorld } from '../world.ts';

export const flush: Command<object> = {
  command: 'flush',
  describe: 'Wait until everything that waits to be stored has been stored',
  builder: (argv) =>
    argv
      .example('$0 flush', 'before a worker is thrown away; exit 1 if something is left'),
  exits: '0 nothing waits any more, 1 something is left',
  notes: 'What cannot be cached, and why, is said as well, for installs since the last flush; it leaves nothing to wait for.',
  run: async () => {
    const world = openWorld({ afresh: true });
    const remainder = await flushSpool(world);
    const left = describeRemainder(remainder);
    for (const message of notCachedSinceLastFlush(world.cache)) console.error(`pkg-cache: ${message}`);
    if (left === undefined) return 0;
    for (const line of describeRefused(remainder)) console.error(`pkg-cache: ${line}`);
    console.error(`pkg-cache: ${left}. Nothing is lost: the next install or flush tries again.`);
    return 1;
  },
};
