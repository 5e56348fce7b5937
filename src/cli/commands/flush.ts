import type { Command } from '../command.ts';
import { describeRefused, describeRemainder, flushSpool } from '../flush.ts';
import { openWorld } from '../world.ts';

export const flush: Command<object> = {
  command: 'flush',
  describe: 'Wait until everything that waits to be stored has been stored',
  builder: (argv) =>
    argv
      .example('$0 flush', 'before a worker is thrown away; exit 1 if something is left'),
  exits: '0 everything is cached, and stored where there is a store, 1 something is left',
  run: async () => {
    const remainder = await flushSpool(openWorld({ afresh: true }));
    const left = describeRemainder(remainder);
    if (left === undefined) return 0;
    for (const line of describeRefused(remainder)) console.error(`pkg-cache: ${line}`);
    console.error(`pkg-cache: ${left}. Nothing is lost: the next install or flush tries again.`);
    return 1;
  },
};
