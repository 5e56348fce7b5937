import { setTimeout as sleep } from 'node:timers/promises';
import { runBackground, type Remainder } from '../../fleet/background.ts';
import { isAtWork } from '../../fleet/start.ts';
import type { Command } from '../command.ts';
import { openWorld } from '../world.ts';

/** How long nothing may get on before `flush` gives up, in milliseconds. */
const STANDSTILL = 60_000;

export const flush: Command<object> = {
  command: 'flush',
  describe: 'Wait until everything that waits to be stored has been stored',
  builder: (argv) => argv.example('$0 flush', 'before a worker is thrown away; exit 1 if something is left'),
  run: async () => {
    const { background: options, cache } = openWorld({ afresh: true });
    let left = await runBackground(options);
    let progress = Date.now();
    while (left.waiting + left.uploads.length > 0 && left.problem === undefined && Date.now() - progress < STANDSTILL) {
      await sleep(100);
      if (isAtWork(cache)) progress = Date.now();
      left = await runBackground(options);
    }
    if (left.waiting + left.uploads.length === 0) return 0;
    console.error(`pkg-cache: ${describeRemainder(left)}. Nothing is lost: the next install or flush tries again.`);
    return 1;
  },
};

function describeRemainder({ waiting, uploads, problem }: Remainder): string {
  const parts = [
    ...(uploads.length > 0 ? [`${uploads.length} not stored yet`] : []),
    ...(waiting > 0 ? [`${waiting} jobs not done yet`] : []),
  ];
  return `${parts.join(', ')}${problem === undefined ? '' : `: ${problem}`}`;
}
