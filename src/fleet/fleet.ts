import type { EntryKey } from '../cache/entry.ts';
import type { Room } from '../cache/evict.ts';
import type { LocalCache } from '../cache/local.ts';
import type { Store } from '../store/store.ts';
import type { Known } from './known.ts';
import type { LeftOut } from './left-out.ts';
import type { Pace } from './pace.ts';
import type { KnownPointers } from './pointers.ts';
import type { Refusals } from './refusals.ts';
import type { FleetState } from './state.ts';
import type { Unpacker } from './unpacker.ts';

/** What the work that concerns the whole fleet is done with. */
export interface Fleet {
  readonly cache: LocalCache;
  readonly store: Store;
  /** See group.ts. */
  readonly group: string;
  readonly everywhere: string;
  readonly settings: FleetSettings;
  readonly state: FleetState;
  /** This worker writes nothing to the store. */
  readonly readOnly?: boolean;
  /** Where it uploads nothing, it still writes down what it uses. */
  readonly recordsUse?: boolean;
  readonly known: Known;
  readonly unpacker: Unpacker;
  /** Whether an entry may be shared, either way. */
  readonly allowed: (key: EntryKey) => boolean;
  readonly leftOut: LeftOut;
  /** What the store's pointers lead to. */
  readonly pointers?: KnownPointers;
  /** What the store has refused. */
  readonly refusals?: Refusals;
  readonly room: Room;
  readonly pace: Pace;
  /** One line for the log of background work. */
  readonly log: (message: string) => void;
}

/** Times in milliseconds, sizes in bytes. */
export interface FleetSettings {
  /** Between two runs of sync; 0: never by itself. */
  readonly syncEvery: number;
  /** Entries that no worker has used for so long are not brought down. */
  readonly syncWindow: number;
  /** Between two snapshots; 0: no part is taken in making them. */
  readonly snapshotEvery: number;
  readonly snapshotLimit: number;
  /** Entries that no worker has used for so long are removed from the store; 0: none is. */
  readonly storeWindow: number;
  /** There may be workers that write down nothing of what they use: then nothing counts as unused. */
  readonly useIsUnknown?: boolean;
}
