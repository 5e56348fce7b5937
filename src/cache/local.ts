import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, rmdirSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { PkgCacheError, systemCode } from '../errors.ts';
import { LAYOUT, entryId, parseFiles, serialiseFiles, type Entry, type EntryFile, type EntryKey } from './entry.ts';
import { hostIdentity, isForBackground, tryClaim, type Claim, type Purpose } from './claim.ts';
import { whyFull, type Floor } from './floor.ts';
import { takeLease, type Lease } from './lease.ts';
import { isAbandoned, isOwn, listEntries, type EntryStatus, type Owner } from './listing.ts';
import { mark, purge } from './removal.ts';
import { sweepShelves } from './shelves.ts';
import { listDir, removeOld, removeTree } from './sweep.ts';
import { sweepTransactions } from './transactions.ts';
import { isOurs } from './trust.ts';
import { isYanked, YANKED } from './yanked.ts';
import { sha256, sha512File } from '../hash.ts';
import { ENTRY } from '../manifest.ts';
import { asA, parseA, type Shape } from '../shape.ts';

/** An entry that lies in the local cache. */
export interface LocalEntry<Meta = unknown> {
  readonly id: string;
  /** The entry's directory; its files are below `tree/`. */
  readonly dir: string;
  readonly entry: Entry<Meta>;
  /** Hex SHA-256 of its manifest. */
  readonly hash: string;
}

/** What a cache takes, and hands out. */
export interface CacheRules extends Floor {
  /** Why the cache has nothing to do with an entry, or undefined; see policy.ts. */
  readonly whyNot: (key: EntryKey) => string | undefined;
}

/** Says who is at work in a staging directory. */
const OWNER = 'owner.json';

const NO_RULES: CacheRules = { minFree: 0, maxUsed: 100, whyNot: () => undefined };

/**
 * The worker's local cache.
 *
 *     <root>/v1/entries/<2 hex>/<id>/{entry.json, entry.sha256, files.json, tree/…}   immutable; appears by one rename
 *     <root>/v1/staging/<id>.<random>/{owner.json, entry/… | archive.tar}   private to the process that makes it
 *     <root>/v1/stalled/<id>.<random>/                                  failed a check; never served
 *     <root>/v1/{leases,trash}/…                                        how entries go: see removal.ts
 *     <root>/v1/transactions/…                                          what is being changed: see transactions.ts
 *     <root>/v1/{ready,spool,claims,state}/…                            see ready.ts, fleet/spool.ts, claim.ts
 *
 * Any number of processes may use it at once, and any of them may be killed at any point: what is visible under `entries/` is whole.
 */
export class LocalCache {
  readonly root: string;
  readonly #rules: CacheRules;
  readonly #levels = new Map<string, boolean>();

  constructor(directory: string, rules = NO_RULES) {
    this.root = join(directory, `v${LAYOUT}`);
    this.#rules = rules;
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  entryDir(id: string): string {
    return `${this.root}/entries/${id.slice(0, 2)}/${id}`; // join() would look at all of it, for each of thousands
  }

  /** The entry for `key`, or undefined. A broken entry, or one that the rules are against, is a miss; the caller never sees why. */
  lookup<Meta>(key: EntryKey): LocalEntry<Meta> | undefined {
    return this.byId<Meta>(entryId(key));
  }

  byId<Meta>(id: string): LocalEntry<Meta> | undefined {
    const dir = this.entryDir(id);
    // To ask first takes a tenth of the time of a failure, and a first install has thousands of them.
    const stat = lstatSync(dir, { throwIfNoEntry: false });
    if (!stat || !isOurs(stat) || !this.isOurLevel('entries', id.slice(0, 2))) return undefined;
    try {
      const manifest = readFileSync(join(dir, 'entry.json'), 'utf8');
      const hash = sha256(manifest);
      if (hash !== readFileSync(join(dir, 'entry.sha256'), 'utf8')) return undefined;
      const entry = parseA(ENTRY as Shape<Entry<Meta>>, manifest); // which knows what kind of meta the key stands for
      if (!entry || entryId(entry.key) !== id || this.#rules.whyNot(entry.key) !== undefined) return undefined;
      return { id, dir, entry, hash };
    } catch {
      return undefined;
    }
  }

  /** Whether a level of levels is ours or root's, and nobody else may write there; looked at once. Those above it `assertTrustworthy` has looked at. */
  isOurLevel(...parts: string[]): boolean {
    const path = this.path(...parts);
    let known = this.#levels.get(path);
    if (known === undefined) {
      const stat = lstatSync(path, { throwIfNoEntry: false });
      if (!stat) return true; // not there yet
      this.#levels.set(path, (known = isOurs(stat)));
    }
    return known;
  }

  /** The file list of an entry, checked against the hash in `entry.json`. Throws ENTRY_INVALID. */
  files(local: LocalEntry): EntryFile[] {
    const text = readFileSync(join(local.dir, 'files.json'), 'utf8');
    if (sha256(text) !== local.entry.files) {
      throw new PkgCacheError('ENTRY_INVALID', `the file list of ${describe(local.entry)} does not match its manifest`);
    }
    return parseFiles(text);
  }

  /** Compares the archive that an entry keeps, if it keeps one, with its hash. Throws ENTRY_INVALID, or the system's error. */
  verifyArchive({ dir, entry }: LocalEntry): void {
    const { sha512 } = entry.archive;
    if (sha512 !== undefined && sha512File(archiveIn(dir)) !== sha512) throw new PkgCacheError('ENTRY_INVALID', 'its archive does not match its manifest');
  }

  /** Claims the making of an entry, so that one process does it while others wait. */
  claimEntry(key: EntryKey, purpose: Purpose = 'install'): Claim | undefined {
    return tryClaim(this.#claimOf(key), purpose);
  }

  /** Whether who makes an entry does so in the background, and may take longer than an install can wait. */
  isMadeInBackground(key: EntryKey): boolean {
    return isForBackground(this.#claimOf(key));
  }

  #claimOf(key: EntryKey): string {
    return this.path('claims', entryId(key));
  }

  /**
   * Opens a private directory in which an entry is put together. `verified`: it is made of what an installer has just fetched from an index and
   * verified, so that one failed check before does not count. Throws NOT_ADDED for one that the cache does not take.
   */
  stage(key: EntryKey, { verified = false } = {}): Staging {
    const why = this.whyNot(key, { verified });
    if (why !== undefined) throw new PkgCacheError('NOT_ADDED', `${key.name} is not added to the cache: ${why}`);
    return this.#stage(key);
  }

  /** Runs `work` with a path for an entry's archive, which is private to this process, seen as being copied, and gone afterwards. */
  async withArchive(key: EntryKey, work: (path: string) => Promise<void>): Promise<void> {
    const staging = this.#stage(key);
    try {
      await work(staging.archive);
    } finally {
      staging.discard();
    }
  }

  #stage(key: EntryKey): Staging {
    const id = entryId(key);
    const dir = this.path('staging', `${id}.${randomBytes(6).toString('hex')}`);
    mkdirSync(dir, { recursive: true });
    const owner: Owner = { pid: process.pid, host: hostIdentity(), key };
    writeFileSync(join(dir, OWNER), JSON.stringify(owner));
    return new Staging(this, id, dir);
  }

  /** Why an entry is not added: it is not wanted here, it was yanked, it has failed a check before, or the disk is full; undefined if there is no reason. */
  whyNot(key: EntryKey, { verified = false } = {}): string | undefined {
    const id = entryId(key);
    const refused = this.#rules.whyNot(key);
    if (refused !== undefined) return refused;
    if (isYanked(this.root, key)) return YANKED;
    const failures = listDir(this.path('stalled')).filter((name) => name.startsWith(id)).length;
    if (failures > (verified ? 1 : 0)) return `it has failed a check ${failures === 1 ? 'before' : 'more than once'}; \`pkg-cache clean\` lets it be tried again`;
    mkdirSync(this.root, { recursive: true });
    return whyFull(this.root, this.#rules);
  }

  /** Remembers that an entry was used, now or at another time (epoch milliseconds): the time of its `entry.json`. Not being allowed to is no error. */
  touch(local: LocalEntry, time = Date.now()): void {
    try {
      utimesSync(join(local.dir, 'entry.json'), time / 1000, time / 1000);
    } catch {
      // Another user's cache, or a read-only one.
    }
  }

  /** Takes an entry out of service because it failed a check. It is kept aside for whoever wants to know why. */
  quarantine(local: Pick<LocalEntry, 'id' | 'dir'>): void {
    mkdirSync(this.path('stalled'), { recursive: true });
    try {
      renameSync(local.dir, this.path('stalled', `${local.id}.${randomBytes(6).toString('hex')}`));
    } catch {
      // Somebody else did, or it is not ours to move; `lookup` callers check again.
    }
  }

  /** The ids of all entries; whether they are whole is for `byId` to say. */
  *ids(): Generator<string> {
    for (const shard of listDir(this.path('entries'))) yield* listDir(this.path('entries', shard));
  }

  /** When an entry was used last, in epoch milliseconds; 0 if it is not there. */
  lastUsed(id: string): number {
    return lstatSync(join(this.entryDir(id), 'entry.json'), { throwIfNoEntry: false })?.mtimeMs ?? 0;
  }

  /** Every entry, whole or not, one at a time: nothing is held in memory. */
  list(): Generator<EntryStatus> {
    return listEntries(this.root);
  }

  /** Says that entries are being read by this process, so that nobody deletes their files: see lease.ts. */
  lease(): Lease {
    return takeLease(this.path('leases'));
  }

  /** Makes an entry invisible; its files go with the next clean. Throws the system's error. */
  remove(dir: string): void {
    mark(dir);
  }

  /** Deletes an entry that was removed, unless somebody may still be reading it: see removal.ts. */
  purge(dir: string, options: { delayed?: boolean } = {}): ReturnType<typeof purge> {
    return purge(dir, { trash: this.path('trash'), leases: this.path('leases') }, options);
  }

  /** Removes what killed processes left: staging directories, half ready copies, and transactions that nobody came back to. */
  sweep(): void {
    sweepShelves(this);
    sweepTransactions(this.root, ABANDONED_MS);
    removeOld(this.path('placing'), ABANDONED_MS);
    removeOld(this.path('state', 'damaged'), FORGOTTEN_MS);
    for (const name of listDir(this.path('trash'))) removeTree(this.path('trash', name));
    for (const name of listDir(this.path('staging'))) {
      if (isAbandoned(this.path('staging', name))) removeTree(this.path('staging', name));
    }
  }

  /** Removes what this process has begun to make, because it is about to end. What cannot be removed the next sweep finds. */
  abandon(): void {
    for (const name of listDir(this.path('staging'))) {
      if (!isOwn(this.path('staging', name))) continue;
      try {
        rmSync(this.path('staging', name), { recursive: true, force: true });
      } catch {
        // A thread is still at work in there.
      }
    }
  }
}

/** An entry in the making. `tree` is where its files go; nothing is visible before `publish`. */
export class Staging {
  readonly dir: string;
  readonly #cache: LocalCache;
  readonly #id: string;
  readonly #base: string;
  #isDiscarded = false;

  constructor(cache: LocalCache, id: string, base: string) {
    this.#cache = cache;
    this.#id = id;
    this.#base = base;
    this.dir = join(base, 'entry');
  }

  get tree(): string {
    return join(this.dir, 'tree');
  }

  /** Where an archive lies that an entry is made of. */
  get archive(): string {
    return join(this.#base, 'archive.tar');
  }

  /**
   * Makes the entry visible by one rename. First writer wins: if another process published the same entry, that one stays,
   * and is what is returned. The tree must hold exactly `files`, already verified.
   */
  publish<Meta>(key: EntryKey, { version, archive, meta }: Pick<Entry<Meta>, 'version' | 'archive' | 'meta'>, files: readonly EntryFile[]): LocalEntry<Meta> {
    const filesJson = serialiseFiles(files);
    const entry: Entry<Meta> = {
      layout: LAYOUT,
      key,
      version,
      archive,
      size: files.reduce((sum, file) => sum + file.size, 0),
      count: files.length,
      files: sha256(filesJson),
      meta,
    };
    return this.publishEntry(entry, filesJson);
  }

  /**
   * As `publish`, for an entry whose manifest exists already (pulled from a store). Without `filesJson` that lies there already. Throws ENTRY_INVALID for one
   * that could not be read again.
   */
  publishEntry<Meta>(entry: Entry<Meta>, filesJson?: string): LocalEntry<Meta> {
    asA(ENTRY, entry, 'ENTRY_INVALID', `the manifest of ${entry.key.name}`); // else nobody would find it
    if (filesJson !== undefined) writeFileSync(join(this.dir, 'files.json'), filesJson);
    const manifest = JSON.stringify(entry);
    writeFileSync(join(this.dir, 'entry.json'), manifest);
    const hash = sha256(manifest);
    writeFileSync(join(this.dir, 'entry.sha256'), hash);
    for (const path of [this.dir, this.tree]) chmodSync(path, 0o755);
    for (const name of ['files.json', 'entry.json', 'entry.sha256']) chmodSync(join(this.dir, name), 0o644);
    const target = this.#cache.entryDir(this.#id);
    try {
      for (let attempt = 0; attempt < 2; attempt++) {
        if (this.#appear(target)) return { id: this.#id, dir: target, entry, hash };
        const first = this.#cache.byId<Meta>(this.#id);
        if (first) return first;
        this.#makeRoom(target);
      }
      throw new PkgCacheError('CACHE_UNUSABLE', `${describe(entry)} is being made by somebody else`);
    } finally {
      this.discard();
    }
  }

  /** Renames what was staged to its place; false if something is there. */
  #appear(target: string): boolean {
    try {
      makingParent(target, () => renameSync(this.dir, target));
      return true;
    } catch (error) {
      const code = systemCode(error);
      if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
      return false;
    }
  }

  /** Takes away what is in the place of this entry, and is none. Throws CACHE_UNUSABLE while somebody may be reading it. */
  #makeRoom(target: string): void {
    const outcome = this.#cache.purge(target, { delayed: true });
    if (outcome === 'in use') throw new PkgCacheError('CACHE_UNUSABLE', 'an entry that was removed is still being read');
    // What cannot be read would be a miss for ever.
    if (outcome === 'gone' && existsSync(target)) this.#cache.quarantine({ id: this.#id, dir: target });
  }

  /** Removes what was staged. Harmless after `publish`. */
  discard(): void {
    if (this.#isDiscarded) return;
    this.#isDiscarded = true;
    try {
      // All that is left after `publish`; looking through a directory first takes many times as long.
      unlinkSync(join(this.#base, OWNER));
      rmdirSync(this.#base);
    } catch {
      rmSync(this.#base, { recursive: true, force: true });
    }
  }
}

/** Runs `work`, and once more when the directory that `path` is to be in was not there: it mostly is, and to ask first takes longer than that. */
function makingParent(path: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    mkdirSync(dirname(path), { recursive: true });
    work();
  }
}

/** Where an entry keeps the archive that it was made from, if that is what travels (`Archive.sha512`). */
export function archiveIn(dir: string): string {
  return join(dir, 'archive');
}

/** Whether an error means that an entry is damaged: bytes that are not what the manifest says, or files that are not there at all. */
export function isDamage(error: unknown): boolean {
  return (error instanceof PkgCacheError && error.code === 'ENTRY_INVALID') || systemCode(error) === 'ENOENT' || error instanceof SyntaxError;
}

/** A package as its ecosystem writes it: `name==version`, `name@version`. */
export function describe({ key, version }: { readonly key: { readonly ecosystem: string; readonly name: string }; readonly version: string }): string {
  return `${key.name}${key.ecosystem === 'npm' ? '@' : '=='}${version}`;
}

/** How long what abandoned transactions have left is kept, in milliseconds. */
const ABANDONED_MS = 86_400_000;

/** How long it is remembered that an object of a store was damaged (fleet/damaged.ts), in milliseconds. */
const FORGOTTEN_MS = 30 * ABANDONED_MS;
