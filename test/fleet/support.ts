import type { EntryKey } from '../../src/cache/entry.ts';
import type { Room } from '../../src/cache/evict.ts';
import type { LocalCache, LocalEntry } from '../../src/cache/local.ts';
import { PkgCacheError } from '../../src/errors.ts';
import type { Fleet, FleetSettings } from '../../src/fleet/fleet.ts';
import { Known } from '../../src/fleet/known.ts';
import type { Makers } from '../../src/fleet/makers.ts';
import { LeftOut } from '../../src/fleet/left-out.ts';
import { AT_ONCE } from '../../src/fleet/pace.ts';
import { FleetState } from '../../src/fleet/state.ts';
import { unpacksHere } from '../../src/fleet/unpacker.ts';
import { sha256, sha512 } from '../../src/hash.ts';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { KEY, published, tempCache, tempDir, writeFiles, type Contents } from '../cache/support.ts';

export const DAY = 86_400_000;

export const SETTINGS: FleetSettings = { syncEvery: 600_000, syncWindow: 7 * DAY, snapshotEvery: DAY, snapshotLimit: 1e9, storeWindow: 0 };

/** A store in a directory of its own. */
export async function directoryStore(): Promise<{ root: string; store: Store }> {
  const root = tempDir();
  return { root, store: await openStore(root, { env: {}, circuit: memoryCircuit() }) };
}

export interface Worker {
  readonly cache: LocalCache;
  readonly fleet: Fleet;
  readonly log: string[];
}

/** A worker of a fleet that shares `store`. */
export function worker(store: Store, over: Partial<Fleet> = {}): Worker {
  const cache = over.cache ?? tempCache();
  const log: string[] = [];
  const fleet: Fleet = {
    cache,
    store,
    group: 'test-group',
    everywhere: 'any',
    settings: SETTINGS,
    state: new FleetState(cache, 'test'),
    known: new Known(cache, 'test'),
    unpacker: unpacksHere(cache, MAKERS),
    allowed: () => true,
    leftOut: new LeftOut(cache, 'test'),
    room: roomIf(() => true),
    pace: AT_ONCE,
    log: (message) => void log.push(message),
    ...over,
  };
  return { cache, fleet, log };
}

/** A disk that has room for so many bytes, of an entry that was used at a time, or has not. */
export function roomIf(has: (bytes: number, used: number) => boolean): Room {
  const whyNever: Room['whyNever'] = (bytes, used) => (has(bytes, used) ? undefined : 'disk');
  return { whyNever, whyNot: (bytes, used, onTheWay = 0) => whyNever(bytes + onTheWay, used), took: () => undefined };
}

/** The key of the n-th of many entries. */
export function keyOf(n: number): EntryKey {
  return { ...KEY, name: `package-${n}`, version: `${n}.0` };
}

/** Entries with two files each, of which one has `bytes` bytes. */
export function fill(cache: LocalCache, count: number, { from = 0, bytes = 1000 } = {}): LocalEntry[] {
  return Array.from({ length: count }, (_, n) => published(cache, { key: keyOf(from + n), contents: contentsOf(from + n, bytes) }));
}

export function contentsOf(n: number, bytes = 1000): Contents {
  return { [`lib/package_${n}/__init__.py`]: `n = ${n}\n`, [`lib/package_${n}/data.bin`]: `${n} `.repeat(bytes).slice(0, bytes) };
}

/** The key of an entry that travels as it came from its registry. */
export function originalKeyOf(name: string): EntryKey {
  return { ecosystem: 'npm', name, version: '1.0.0', platform: 'any', origin: sha256(name).slice(0, 32) };
}

/** Makes an entry of an archive: one file, which has its bytes. */
export function makeOriginal(cache: LocalCache, key: EntryKey, archive: Buffer): LocalEntry {
  const staging = cache.stage(key);
  const files = writeFiles(staging.tree, { 'index.js': archive.toString('latin1') });
  mkdirSync(staging.dir, { recursive: true });
  writeFileSync(join(staging.dir, 'archive'), archive);
  return staging.publish(key, { version: key.version, archive: { filename: 'x.tgz', sha256: sha256(archive), sha512: sha512(archive) }, meta: { integrity: sha512(archive), crlf: [] } }, files);
}

export const MAKERS: Makers = {
  npm: (cache, key, meta, archive) => {
    if ((meta as { integrity?: unknown }).integrity !== sha512(archive)) throw new PkgCacheError('ARCHIVE_INVALID', 'not those bytes');
    return makeOriginal(cache, key, archive);
  },
};

/** The packages that are in a cache, sorted. */
export function names(cache: LocalCache): string[] {
  return [...cache.list()].flatMap(({ status, key }) => (status === 'cached' && key ? [key.name] : [])).sort();
}
