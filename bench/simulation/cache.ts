import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { entryId, type EntryKey } from '../../src/cache/entry.ts';
import type { Claim } from '../../src/cache/claim.ts';
import type { EntryStatus } from '../../src/cache/listing.ts';
import { LocalCache, archiveIn, type LocalEntry } from '../../src/cache/local.ts';
import { sha256, sha512 } from '../../src/hash.ts';

const NOTHING: Claim = { refresh: () => undefined, release: () => undefined, isHeld: () => true };

/** Packages as their registry has them: an entry of each is made once, for all workers. */
export class Content {
  readonly #made = new Map<string, LocalEntry>();
  readonly #cache: LocalCache;

  constructor(directory: string) {
    this.#cache = new LocalCache(directory);
  }

  entry(id: string): LocalEntry | undefined {
    return this.#made.get(id);
  }

  /** What an install of a package brings: small, since what counts here is how many. */
  make(key: EntryKey, archive: Buffer): LocalEntry {
    const id = entryId(key);
    const known = this.#made.get(id);
    if (known) return known;
    const staging = this.#cache.stage(key);
    mkdirSync(staging.tree, { recursive: true });
    writeFileSync(join(staging.tree, 'index.js'), archive);
    writeFileSync(archiveIn(staging.dir), archive);
    const hash = sha256(archive);
    const entry = staging.publish(key, { version: key.version, archive: { filename: 'x.tgz', sha256: hash, sha512: sha512(archive) }, meta: {} }, [{ path: 'index.js', size: archive.length, sha256: hash, executable: false }]);
    this.#made.set(id, entry);
    return entry;
  }
}

/** A worker's cache that is a list of what it has: hundreds of real ones would be millions of files. What it remembers of the fleet is on disk. */
export class ListedCache extends LocalCache {
  readonly #content: Content;
  /** When each entry was used last. */
  readonly #used = new Map<string, number>();

  constructor(directory: string, content: Content) {
    super(directory);
    this.#content = content;
  }

  add(entry: LocalEntry): LocalEntry {
    this.#used.set(entry.id, Date.now());
    return entry;
  }

  override byId<Meta>(id: string): LocalEntry<Meta> | undefined {
    return this.#used.has(id) ? (this.#content.entry(id) as LocalEntry<Meta> | undefined) : undefined;
  }

  override *ids(): Generator<string> {
    yield* this.#used.keys();
  }

  override lastUsed(id: string): number {
    return this.#used.get(id) ?? 0;
  }

  override touch({ id }: LocalEntry, time = Date.now()): void {
    this.#used.set(id, time);
  }

  override *list(): Generator<EntryStatus> {
    for (const [id, lastUsed] of this.#used) {
      const entry = this.byId(id);
      if (entry) yield { path: entry.dir, status: 'cached', key: entry.entry.key, size: entry.entry.size, lastUsed } as EntryStatus;
    }
  }

  override claimEntry(): Claim {
    return NOTHING;
  }

  override whyNot(): undefined {
    return undefined;
  }
}
