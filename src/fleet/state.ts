import type { LocalCache } from '../cache/local.ts';
import type { Position } from './journal.ts';
import { count, finite, lines, list, matching, maybe, object, readA, record, text, type Shape } from '../shape.ts';
import { remember } from './remembered.ts';
import { fleetStateFile } from './start.ts';

/** What this worker remembers of its part in the fleet. Times are epoch milliseconds by our own clock. */
export interface FleetFacts {
  /** When the last sync that came to its end began, and what it did. */
  readonly syncedAt?: number;
  readonly broughtDown?: number;
  readonly sentUp?: number;
  /** Entries that others have and that were not brought down yet. */
  readonly behind?: number;
  /** Why the last sync did not come to its end, if it did not. */
  readonly problem?: string | undefined;
  /** A name of this worker, made by chance. */
  readonly worker?: string;
  /** When it was tried last, whatever came of it. */
  readonly triedAt?: number;
  /** How far each journal was read, by group. */
  readonly read?: Readonly<Record<string, Position>>;
  /** The snapshot that was unpacked last, by its period, and when. */
  readonly snapshot?: string;
  readonly warmedAt?: number;
  /** How often the store has failed while a worker that starts warmed up. */
  readonly coldTries?: number;
  /** The snapshot that was live when it was looked last. */
  readonly live?: string | undefined;
  /** When writing was denied; until some time later it is not tried again. */
  readonly deniedAt?: number | undefined;
  /** When a worker that uploads nothing has last written down what it uses. */
  readonly recordedAt?: number;
  /** The last period whose snapshot was left to others because it could not be claimed. */
  readonly passed?: string | undefined;
  /** The last period in which this worker has looked after the store. */
  readonly tended?: string;
}

const FACTS: Shape<FleetFacts> = object<FleetFacts>({
  syncedAt: maybe(finite),
  broughtDown: maybe(count),
  sentUp: maybe(count),
  behind: maybe(count),
  problem: maybe(lines),
  worker: maybe(matching(/^[0-9a-f]+$/, 'name of a worker')),
  triedAt: maybe(finite),
  read: maybe(record(object<Position>({ journal: maybe(text), recent: list(text) }))),
  snapshot: maybe(text),
  warmedAt: maybe(finite),
  coldTries: maybe(count),
  live: maybe(text),
  deniedAt: maybe(finite),
  recordedAt: maybe(finite),
  passed: maybe(text),
  tended: maybe(text),
});

/** The facts in a file, one for each location of a store. Whatever cannot be read counts as nothing known. */
export class FleetState {
  readonly #path: string;

  constructor(cache: LocalCache, location: string) {
    this.#path = fleetStateFile(cache, location);
  }

  read(): FleetFacts {
    return readA(FACTS, this.#path) ?? {};
  }

  /** Notes that the first interval begins now; whether it did. */
  begin(): boolean {
    if (this.read().triedAt !== undefined) return false;
    this.update({ triedAt: Date.now() });
    return true;
  }

  /** Something could be written, or somebody asks by name: whatever was denied before may be tried again. */
  forgetDenial(): void {
    const { deniedAt, passed } = this.read();
    if (deniedAt !== undefined || passed !== undefined) this.update({ deniedAt: undefined, passed: undefined });
  }

  /** How far the journal of a group was read. */
  position(group: string): Position {
    return this.read().read?.[group] ?? { journal: undefined, recent: [] };
  }

  moveTo(group: string, position: Position): void {
    this.update({ read: { ...this.read().read, [group]: position } });
  }

  /** Changes some facts. That they cannot be written is no error: then work is done twice. */
  update(facts: FleetFacts): void {
    remember(this.#path, JSON.stringify({ ...this.read(), ...facts }));
  }
}
