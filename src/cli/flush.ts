import { setTimeout as sleep } from 'node:timers/promises';
import { runBackground, type Remainder } from '../fleet/background.ts';
import { isAtWork } from '../fleet/start.ts';
import { formatCount } from './terminal.ts';
import type { World } from './world.ts';

/** How long nothing may get on before it is given up, in milliseconds. */
const STANDSTILL = 60_000;

/** Does what waits for the background process, or waits for the one that is at it; what is left then. */
export async function flushSpool({ background: options, cache }: Pick<World, 'background' | 'cache'>): Promise<Remainder> {
  let left = await runBackground(options);
  let progress = Date.now();
  while (left.waiting + left.uploads.length > 0 && left.problem === undefined && Date.now() - progress < STANDSTILL) {
    await sleep(100);
    if (isAtWork(cache)) progress = Date.now();
    left = await runBackground(options);
  }
  return left;
}

/** What is left, for people; undefined if nothing is. */
export function describeRemainder({ waiting, uploads, problem }: Remainder): string | undefined {
  const parts = [
    ...(uploads.length > 0 ? [`${uploads.length} not stored yet`] : []),
    ...(waiting > 0 ? [`${formatCount(waiting, 'job')} not done yet`] : []),
  ];
  return parts.length === 0 ? undefined : `${parts.join(', ')}${problem === undefined ? '' : `: ${problem}`}`;
}
