import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Env, Settings } from '../../config.ts';
import { PkgCacheError } from '../../errors.ts';
import { readSmall } from '../../fleet/small.ts';
import { LAYOUT } from '../../cache/entry.ts';
import type { CircuitState } from '../../store/circuit.ts';
import { memoryFacts, type StoreFacts } from '../../store/facts.ts';
import { openStore, wayToStore } from '../../store/open.ts';
import type { S3Settings } from '../../store/s3-options.ts';
import type { Store } from '../../store/store.ts';
import { checksOf, explained, type Check } from './check.ts';
import { checkWay } from './way.ts';

const { ok, note, problem } = checksOf('store');

/** Each check asks for itself: what one has met with does not keep the next from trying. */
const NO_CIRCUIT: CircuitState = { openUntil: () => undefined, reason: () => undefined, open: () => undefined, close: () => undefined };

/** Requests whose times are taken; the median counts. */
const SAMPLES = 5;

/** An answer that takes longer than this (in milliseconds) eats up much of what a hit saves. */
const SLOW = 300;

/** Writers of one object at a time; one of them is to win. */
const WRITERS = 8;

/** How long a writer waits for the others, some of which may have failed, in milliseconds. */
const PATIENCE = 2_000;

/** What S3 takes of a clock that is off is 15 minutes; what is older than some minutes is taken for abandoned here. In milliseconds. */
const SKEW = 60_000;

/** Asks the store for all that workers ask of it. `readOnly`: nothing is written. */
export async function checkStore(location: string, env: Env, settings: Pick<Settings, 'readOnly'> & S3Settings): Promise<Check[]> {
  const { readOnly } = settings;
  const facts = memoryFacts();
  let store: Store;
  let way: Check[];
  try {
    way = await wayOf(location, env, settings);
    store = await openStore(location, { env, circuit: NO_CIRCUIT, facts, settings });
  } catch (error) {
    const { what, next } = explained(error);
    return [problem(what, next)];
  }
  try {
    const read = await checkReading(store);
    if (read.some(({ level }) => level === 'problem')) return [...way, ...read];
    const key = `v${LAYOUT}/doctor/${randomBytes(8).toString('hex')}`;
    return [...way, ...read, ...checkRegion(facts), await checkListing(store), await checkClock(store), ...(readOnly ? [note('writing was not tried: read_only is on')] : await checkWriting(store, key))];
  } finally {
    store.close();
  }
}

async function wayOf(location: string, env: Env, settings: S3Settings): Promise<Check[]> {
  const way = await wayToStore(location, env, settings);
  return way ? checkWay(way) : [];
}

async function checkReading(store: Store): Promise<Check[]> {
  const times: number[] = [];
  try {
    for (let sample = 0; sample <= SAMPLES; sample++) {
      const began = performance.now();
      const found = await store.get(`v${LAYOUT}/doctor/none`);
      found?.body.destroy();
      // The first one pays for the connection.
      if (sample > 0) times.push(performance.now() - began);
    }
  } catch (error) {
    return [failed('cannot be read', error)];
  }
  const median = times.sort((a, b) => a - b)[SAMPLES >> 1] ?? 0;
  const text = `${store.label}: may be read; an answer takes ${median.toFixed(median < 10 ? 1 : 0)} ms`;
  return [median > SLOW ? note(text, 'have the store in the same region as the workers') : ok(text)];
}

/** Found out by reading. */
function checkRegion(facts: StoreFacts): Check[] {
  const { region } = facts.read();
  return region === undefined ? [] : [note(`the bucket is in ${region.actual}, and ${region.configured} is what is set`, `set AWS_REGION to ${region.actual}: a worker that starts with an empty cache asks in vain first`)];
}

async function checkListing(store: Store): Promise<Check> {
  try {
    await store.list(`v${LAYOUT}/`, { limit: 1 });
    return ok('may be listed, which syncing and snapshots need');
  } catch (error) {
    return failed('cannot be listed: this worker is served, but does not take part in the fleet', error, 'let it list (S3: grant s3:ListBucket on the bucket)');
  }
}

async function checkClock(store: Store): Promise<Check> {
  const ahead = (await store.now()) - Date.now();
  const text = `its clock is ${(Math.abs(ahead) / 1000).toFixed(0)} s ${ahead < 0 ? 'behind' : 'ahead of'} ours`;
  if (Math.abs(ahead) < 2000) return ok('its clock is ours');
  return Math.abs(ahead) < SKEW ? ok(text) : problem(text, 'set the clock of this machine (timedatectl, chronyc tracking); S3 refuses requests that are 15 minutes off');
}

/** Removing comes first, and meets with nothing: whoever may not remove leaves one probe behind, and hears of it. */
async function checkWriting(store: Store, key: string): Promise<Check[]> {
  const removing = await attempt(() => store.remove(key));
  const payload = Buffer.from('written by pkg-cache doctor\n');
  const meet = barrier(WRITERS);
  const outcomes = await Promise.allSettled(Array.from({ length: WRITERS }, () => store.create(key, { pieces: meet(payload), atMost: payload.length })));
  const winners = outcomes.filter((outcome) => outcome.status === 'fulfilled' && outcome.value === 'created').length;
  if (winners === 0) return [failed('cannot be written', firstReason(outcomes), 'set read_only = on for workers that are only to read, or let this one write (S3: grant s3:PutObject)')];
  const checks = [await checkBytes(store, key, payload), describeWinners(winners)];
  await attempt(() => store.remove(key));
  const stays = removing === undefined ? undefined : failed(`nothing can be removed: superseded snapshots stay, and so does the probe ${key}`, removing, 'let it remove (S3: grant s3:DeleteObject), or leave it at that');
  return [...checks, stays ? { ...stays, level: 'note' } : ok('objects may be removed')];
}

/**
 * Payloads that begin to come only when all `count` are waited for: stores that ignore conditions are asked first whether there is something
 * already, so that writers must have asked before any of them writes.
 */
function barrier(count: number): (payload: Buffer) => AsyncGenerator<Buffer> {
  let waiting = 0;
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return async function* (payload) {
    if (++waiting === count) open();
    await Promise.race([opened, sleep(PATIENCE, undefined, { ref: false })]);
    yield payload;
  };
}

async function checkBytes(store: Store, key: string, payload: Buffer): Promise<Check> {
  try {
    const bytes = await readSmall(store, key, 1024);
    return bytes?.equals(payload) === true ? ok('may be written, and gives back what was written') : problem('what was written does not come back as it was', 'look for a proxy, or a gateway that changes bodies, between here and the store');
  } catch (error) {
    return failed('what was written cannot be read', error);
  }
}

function describeWinners(winners: number): Check {
  if (winners === 1) return ok(`conditional writes work: of ${WRITERS} writers of one object one was first`);
  return note(`conditional writes do not work: ${winners} of ${WRITERS} writers of one object were told that they were first`, 'nothing breaks: what is written at the same time is the same, or verified; some work is done twice. A server that knows If-None-Match spares that');
}

function firstReason(outcomes: readonly PromiseSettledResult<unknown>[]): unknown {
  return outcomes.find((outcome) => outcome.status === 'rejected')?.reason ?? new PkgCacheError('STORE_UNAVAILABLE', 'it says that there is something already');
}

/** What went wrong, if something did. */
async function attempt(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return error;
  }
}

function failed(what: string, error: unknown, next?: string): Check {
  const { what: why, next: hint } = explained(error);
  return problem(`${what}: ${why}`, next ?? hint ?? 'check the address, the network, and the AWS settings');
}
