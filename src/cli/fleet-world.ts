import type { LocalCache, LocalEntry } from '../cache/local.ts';
import { entryId } from '../cache/entry.ts';
import { EvictingRoom } from '../cache/evict.ts';
import { hasRoom } from '../cache/floor.ts';
import type { BackgroundOptions } from '../fleet/background.ts';
import type { Fleet, FleetSettings } from '../fleet/fleet.ts';
import { everywhereOf, groupOf } from '../fleet/group.ts';
import { mention, refOf, type Readers } from '../fleet/journal.ts';
import { Known } from '../fleet/known.ts';
import { LeftOut } from '../fleet/left-out.ts';
import type { Pace } from '../fleet/pace.ts';
import { KnownPointers } from '../fleet/pointers.ts';
import { Refusals } from '../fleet/refusals.ts';
import { FleetState } from '../fleet/state.ts';
import { mayWrite } from '../fleet/may-write.ts';
import { unpackThreads } from '../fleet/unpack-threads.ts';
import { MAKERS } from './makers.ts';
import type { Settings } from '../settings.ts';
import type { Store } from '../store/store.ts';
import { throttled } from '../store/throttle.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export interface FleetParts {
  readonly cache: LocalCache;
  /** Where the store is, and what opens it. */
  readonly location: string;
  readonly openStore: () => Promise<Store>;
  readonly settings: Settings;
  /** What the policies let pass. */
  readonly allowed: Fleet['allowed'];
  /** Whether an entry still has to go to the store. */
  readonly isPending: (id: string) => boolean;
  /** Somebody asks by name: what was refused is tried once more. */
  readonly afresh: boolean;
  readonly log: (message: string) => void;
}

/** What the commands on the fleet work on, until `close`. */
export interface OpenFleet {
  readonly fleet: Fleet;
  readonly close: () => void;
}

/** This worker as one of a fleet. */
export class FleetWorld {
  readonly state: FleetState;
  readonly settings: FleetSettings;
  readonly #parts: FleetParts;
  readonly #known: Known;
  readonly #refusals: Refusals;

  constructor(parts: FleetParts) {
    const { syncInterval, syncDays, snapshotInterval, snapshotSize, storeDays, allRecordUse } = parts.settings;
    this.#parts = parts;
    this.state = new FleetState(parts.cache, parts.location);
    this.#known = new Known(parts.cache, parts.location);
    this.#refusals = new Refusals(parts.cache, parts.location, parts);
    this.settings = { syncEvery: syncInterval * MINUTE, syncWindow: syncDays * DAY, snapshotEvery: snapshotInterval * HOUR, snapshotLimit: snapshotSize, storeWindow: storeDays * DAY, useIsUnknown: !allRecordUse };
  }

  /** Opens the store. Throws CONFIG. */
  async open(pace: Pace): Promise<OpenFleet> {
    const { cache, location, openStore, settings, allowed, isPending, log } = this.#parts;
    const floor = { minFree: settings.minFree, maxUsed: settings.maxUsed };
    const opened = await openStore();
    const store = settings.syncBandwidth === 0 ? opened : throttled(opened, settings.syncBandwidth);
    const unpacker = unpackThreads(cache, MAKERS);
    const { state } = this;
    const pointers = new KnownPointers(cache, location);
    const fleet: Fleet = {
      cache,
      store,
      ...this.#readers,
      settings: this.settings,
      readOnly: settings.readOnly,
      recordsUse: settings.recordUse,
      state,
      known: this.#known,
      unpacker,
      pointers,
      allowed,
      leftOut: new LeftOut(cache, location),
      refusals: this.#refusals,
      room: new EvictingRoom(cache, { isOnDisk: (more) => hasRoom(cache.root, more, floor), maxSize: settings.maxSize, isNeeded: isPending }),
      pace,
      log,
    };
    const close = (): void => {
      unpacker.close();
      pointers.save();
      opened.close();
    };
    return { fleet, close };
  }

  /** What uploads have to do with the fleet. Asked by name, whoever was denied to write tries again. */
  get uploads(): Pick<BackgroundOptions, 'whyNotWritten' | 'wasDenied' | 'announce' | 'refusals'> {
    const { state } = this;
    const { afresh } = this.#parts;
    const { readOnly } = this.#parts.settings;
    return {
      refusals: this.#refusals,
      whyNotWritten: () => (afresh || mayWrite({ state, readOnly }) ? undefined : 'these credentials may not write to the store'),
      wasDenied: () => state.update({ deniedAt: Date.now() }),
      announce: (store, entries) => this.#announce(store, entries),
    };
  }

  async #announce(store: Store, entries: readonly LocalEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const time = await store.now();
    await mention(store, this.#readers, entries.map(refOf), time);
    this.state.forgetDenial();
    for (const { entry } of entries) this.#known.mention(entryId(entry.key), time);
    this.#known.save(time);
  }

  get #readers(): Readers {
    const { fleetGroup } = this.#parts.settings;
    return { group: groupOf(fleetGroup), everywhere: everywhereOf(fleetGroup) };
  }
}
