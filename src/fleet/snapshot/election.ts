import { randomBytes } from 'node:crypto';
import { sha256 } from '../../hash.ts';
import type { Listed, Store } from '../../store/store.ts';
import type { Fleet } from '../fleet.ts';
import { seal } from '../seal.ts';
import { mayWrite } from '../may-write.ts';
import { ifAllowed } from '../tend/remove.ts';
import { buildSnapshot, type Built } from './build.ts';
import { listSnapshots, newestSnapshots, notAhead, periodOf } from './find.ts';
import { periodName, snapshotsOf } from './format.ts';

/** Over which part of a period, and of at most how many milliseconds, the candidates spread, so that it is not always the same one. */
const SPREAD = 1 / 4;
const MOST_SPREAD = 3_600_000;

/** After which part of a period, and of at most how many milliseconds, one that claimed it and got nowhere is replaced. */
const LEASE = 1 / 4;
const MOST_LEASE = 3_600_000;

/** Who has less than this part of what is in the last snapshot leaves it to others, for the first half of a period. */
const POOR = 1 / 2;

/** A candidate, and the moment at which it stands. */
interface Candidate {
  readonly period: string;
  /** Milliseconds since the period began. */
  readonly elapsed: number;
  readonly now: number;
}

/**
 * Makes the snapshot of the period if that falls to this worker: no other one is live or claimed, and its own moment in the period has come.
 * Claims are created under a condition. They save work and nothing else: that one snapshot goes live is for its pointer to decide.
 * Whether one was made. Throws STORE_*, and what `pace` throws.
 */
export async function takePart(fleet: Fleet): Promise<boolean> {
  const { store, group, state, settings, log } = fleet;
  const every = settings.snapshotEvery;
  if (every === 0 || !mayWrite(fleet)) return false;
  const now = await store.now();
  const period = periodName(Math.floor(now / every) * every);
  const candidate = { period, elapsed: now % every, now };
  const { live = '', passed } = state.read();
  const isLive = live >= period && live < periodName(now + every); // one that was made by hand may be younger than the period
  if (isLive || passed === period || candidate.elapsed < moment(fleet, period)) return false;
  const listed = notAhead(await listSnapshots(store, group), now);
  if (!(await isCalled(fleet, candidate, listed)) || !(await isFirst(fleet, candidate, listed))) return false;
  const built = await packCache(fleet, period, now);
  log(`snapshot ${period}: ${built.outcome === 'live' ? `${built.count} entries, ${built.bytes} bytes` : built.outcome}`);
  return built.outcome === 'live';
}

/** Packs the cache of a worker as the snapshot of a period. `now` is by the store's clock. Throws STORE_*, and what `pace` throws. */
export async function packCache(fleet: Fleet, period: string, now: number): Promise<Built> {
  const { group, everywhere, state, settings } = fleet;
  const read = { journal: state.position(group).journal, everywhereJournal: state.position(everywhere).journal };
  const built = await buildSnapshot({ ...fleet, ...read, period, limit: settings.snapshotLimit, ahead: now - Date.now() });
  if (built.outcome === 'live') state.forgetDenial();
  if (built.outcome !== 'empty') state.update({ live: period });
  return built;
}

/** When this worker's turn comes, in milliseconds from the beginning of a period: by chance, but always the same. */
function moment({ state, settings }: Fleet, period: string): number {
  let { worker } = state.read();
  if (worker === undefined) state.update({ worker: (worker = randomBytes(8).toString('hex')) });
  const chance = parseInt(sha256(`${worker} ${period}`).slice(0, 8), 16) / 2 ** 32;
  return chance * Math.min(settings.snapshotEvery * SPREAD, MOST_SPREAD);
}

/** Whether a snapshot is wanted, and this worker has something to put into it. */
async function isCalled({ cache, store, state, settings }: Fleet, { period, elapsed }: Candidate, listed: readonly Listed[]): Promise<boolean> {
  const newest = listed.filter(({ key }) => key.endsWith('/pointer')).at(-1);
  if (!newest) {
    state.update({ live: undefined });
    return [...cache.ids()].length > 0;
  }
  state.update({ live: periodOf(newest.key) });
  if (periodOf(newest.key) >= period) return false;
  if (elapsed > settings.snapshotEvery / 2) return true;
  for await (const { pointer } of newestSnapshots(store, listed, () => undefined)) return [...cache.ids()].length >= pointer.count * POOR;
  return true;
}

/** Whether the claim is this worker's. One that may not write leaves the period to others, and says so once. */
async function isFirst({ store, group, state, settings, log }: Fleet, candidate: Candidate, listed: readonly Listed[]): Promise<boolean> {
  const claimed = await ifAllowed(() => claim(store, group, listed, candidate, settings.snapshotEvery), (why) => {
    log(`snapshot ${candidate.period}: left to others: ${why}`);
    state.update({ passed: candidate.period });
  });
  return claimed ?? false;
}

/** Claims the period, or takes it over from somebody who got nowhere. */
async function claim(store: Store, group: string, listed: readonly Listed[], { period, now }: Candidate, every: number): Promise<boolean> {
  const prefix = `${snapshotsOf(group)}${period}/claim-`;
  const claims = listed.filter(({ key }) => key.startsWith(prefix));
  const last = Math.max(-Infinity, ...claims.map(({ modified }) => modified));
  if (now - last < Math.min(every * LEASE, MOST_LEASE)) return false;
  const next = 1 + Math.max(-1, ...claims.map(({ key }) => Number(key.slice(prefix.length)) || 0)); // older ones may have been removed
  return (await store.create(`${prefix}${next}`, seal({ time: Math.round(now) }))) === 'created';
}
