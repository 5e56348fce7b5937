import type { NoRoom } from '../cache/evict.ts';
import type { FleetFacts } from '../fleet/state.ts';
import { formatAge } from './terminal.ts';

/** One line on this worker's part in the fleet. */
export function describeFleet({ syncedAt, broughtDown = 0, sentUp = 0, behind = 0, problem, snapshot, warmedAt, live, deniedAt }: FleetFacts): string {
  const sync = syncedAt === undefined ? 'never synced' : `synced ${formatAge(syncedAt)} (${broughtDown} brought down, ${sentUp} stored${behind > 0 ? `, ${behind} behind` : ''})`;
  const warm = warmedAt === undefined ? [] : [`warmed up ${formatAge(warmedAt)} with the snapshot ${snapshot ?? '?'}`];
  const newest = live === undefined ? [] : [`newest snapshot ${live}`];
  const denied = deniedAt === undefined ? [] : ['may not write to the store'];
  return `fleet: ${[sync, ...warm, ...newest, ...denied, ...(problem === undefined ? [] : [`last try failed: ${problem}`])].join('; ')}`;
}

/** The same for programs: times in ISO 8601. */
export function fleetJson({ syncedAt, triedAt, broughtDown, sentUp, behind, problem, snapshot, warmedAt, live, deniedAt }: FleetFacts): object {
  const iso = (time: number | undefined): string | undefined => (time === undefined ? undefined : new Date(time).toISOString());
  return { syncedAt: iso(syncedAt), triedAt: iso(triedAt), broughtDown, sentUp, behind, problem, snapshot, warmedAt: iso(warmedAt), newestSnapshot: live, deniedAt: iso(deniedAt) };
}

/** Why something was left out. */
export const NO_ROOM: Readonly<Record<NoRoom, string>> = { disk: 'the disk has no room to spare', max_size: 'more than max_size allows' };
