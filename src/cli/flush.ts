import { mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { dayOf } from '../cache/day-files.ts';
import type { LocalCache } from '../cache/local.ts';
import { runBackground, uploadPending, type Remainder } from '../fleet/background.ts';
import { isAtWork } from '../fleet/start.ts';
import { isLogRecord, logFiles, type LogRecord } from '../log.ts';
import { formatCount, printable } from './terminal.ts';
import type { World } from './world.ts';

/** How long nothing may get on before it is given up, in milliseconds. */
const STANDSTILL = 60_000;

/** A daemon is at work for ever, whatever the store says: when it has not got on for so long, we see for ourselves. In milliseconds. */
const OTHERS_TURN = 5_000;

/** Does what waits for the background process, or waits for the one that is at it; what is left then. */
export async function flushSpool({ background: options, cache }: Pick<World, 'background' | 'cache'>): Promise<Remainder> {
  let left = await runBackground(options);
  let [count, progress] = [total(left), Date.now()];
  while (total(left) > left.refused.length && left.problem === undefined && Date.now() - progress < STANDSTILL) {
    await sleep(100);
    left = await runBackground(options);
    if (total(left) !== count || (left.waiting > 0 && isAtWork(cache))) [count, progress] = [total(left), Date.now()];
    else if (isAtWork(cache) && Date.now() - progress > OTHERS_TURN) {
      const problem = await uploadPending(options);
      if (problem !== undefined) return { ...left, problem };
      progress = Date.now();
    }
  }
  return left;
}

function total({ waiting, uploads }: Remainder): number {
  return waiting + uploads.length;
}

/** How many of those that were refused, or not cached, are named. */
const NAMED = 20;

/** Each entry that was refused for its own sake, and why: a line each. */
export function describeRefused({ refused }: Pick<Remainder, 'refused'>): string[] {
  const lines = refused.slice(0, NAMED).map(({ what, why }) => `not stored: ${what}: ${why}`);
  return refused.length > NAMED ? [...lines, `and ${refused.length - NAMED} more`] : lines;
}

/** What is left, for people; undefined if nothing is. */
export function describeRemainder({ waiting, uploads, problem }: Remainder): string | undefined {
  const parts = [
    ...(uploads.length > 0 ? [`${uploads.length} not stored yet`] : []),
    ...(waiting > 0 ? [`${formatCount(waiting, 'job')} not done yet`] : []),
  ];
  return parts.length === 0 ? undefined : `${parts.join(', ')}${problem === undefined ? '' : `: ${problem}`}`;
}

/** What installs since the last flush brought that was not cached, and why, as the log has it; where no log is kept, nothing. */
export function notCachedSinceLastFlush(cache: LocalCache): string[] {
  const mark = cache.path('state', 'flushed');
  const since = statSync(mark, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const began = Date.now();
  const messages = stillNotCached(recordsSince(cache, since));
  noteFlush(cache, mark, began);
  const more = messages.length - NAMED;
  return [...messages.slice(-NAMED).map(printable), ...(more > 0 ? [`and ${formatCount(more, 'package')} more that \`pkg-cache logs\` names`] : [])];
}

function recordsSince(cache: LocalCache, since: number): LogRecord[] {
  const files = logFiles(cache);
  const day = dayOf(since);
  return files.days().filter((each) => each >= day).flatMap((each) => files.read(each)).filter(isLogRecord).filter(({ time }) => Date.parse(time) >= since);
}

/** The last word on each package counts: what another process was at has been cached since. */
function stillNotCached(records: readonly LogRecord[]): string[] {
  const last = new Map<string, string>();
  for (const { entry, message } of records) {
    if (message.startsWith('not cached: ')) last.set(entry ?? message, message);
    else if (entry !== undefined) last.delete(entry);
  }
  return [...last.values()];
}

/** Not being allowed to is no error: then it is said again. */
function noteFlush(cache: LocalCache, mark: string, time: number): void {
  try {
    mkdirSync(cache.path('state'), { recursive: true });
    writeFileSync(mark, '');
    utimesSync(mark, time / 1000, time / 1000);
  } catch {
    // Another user's cache, or a read-only one.
  }
}
