import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { holding, type Purpose } from '../cache/claim.ts';
import type { Entry, EntryKey } from '../cache/entry.ts';
import { entryId } from '../cache/entry.ts';
import type { LocalCache, LocalEntry } from '../cache/local.ts';
import { PkgCacheError, systemCode } from '../errors.ts';
import type { Store } from '../store/store.ts';
import { IN_MEMORY, MAX_ORIGINAL, received } from './buffers.ts';
import { DamagedObjects } from './damaged.ts';
import { MAX_POINTER, archiveKey, decodePointer, originalKey, pointerKey, type Pointer } from './objects.ts';
import { readSmall } from './small.ts';
import type { Unpacker } from './unpacker.ts';

/** How many archives are on their way at once. */
const PULLS = 8;

/**
 * How long an install waits for an entry that the background is bringing, in milliseconds, and how many bytes of an archive are worth one more.
 * The background may be limited to less than this, or stopped; what it does then is done once more.
 */
const PATIENCE = 2000;
const BYTES_PER_MS = 20_000;

/** An entry that is made of an archive as its registry has it. */
export interface Original {
  readonly key: EntryKey;
  /** Hex. */
  readonly sha512: string;
}

/** Makes an entry of an original: verifies its bytes, and publishes. */
export type Make = (original: Original, bytes: Buffer) => LocalEntry | undefined | Promise<LocalEntry | undefined>;

/**
 * Runs `work`, which brings an entry, if there is room for it: so many bytes of files, or, of an original, of itself. That many are there: the store has begun
 * to send them. Undefined if there is none.
 */
export type Admit = (key: EntryKey, bytes: number, work: () => Promise<LocalEntry | undefined>) => Promise<LocalEntry | undefined>;

interface Pull {
  readonly key: EntryKey;
  /** The key of what is read. */
  readonly object: string;
  /** Bytes of its archive, as far as that is known. */
  readonly size?: number;
  readonly download: () => Promise<LocalEntry | undefined>;
}

/** Brings entries from a store into the local cache. What goes wrong is a miss, and is told to `report`. */
export class Puller {
  readonly #cache: LocalCache;
  readonly #store: Store;
  readonly #report: (problem: PkgCacheError) => void;
  readonly #unpacker: Unpacker;
  readonly #purpose: Purpose;
  readonly #admit: Admit;
  readonly #damaged: DamagedObjects;
  readonly #pointers = new Map<string, Pointer>();

  constructor(cache: LocalCache, store: Store, unpacker: Unpacker, report: (problem: PkgCacheError) => void, purpose: Purpose = 'install', admit: Admit = (_key, _bytes, work) => work()) {
    this.#cache = cache;
    this.#store = store;
    this.#damaged = new DamagedObjects(cache, store);
    this.#unpacker = unpacker;
    this.#purpose = purpose;
    this.#admit = admit;
    this.#report = report;
  }

  /** The manifests of those entries that the store has, by entry id. */
  async manifests(keys: readonly EntryKey[]): Promise<Map<string, Entry>> {
    const found = new Map<string, Entry>();
    await Promise.all(
      keys.filter((key) => this.#cache.whyNot(key) === undefined).map(async (key) => {
        const pointer = await this.#quietly(pointerKey(key), () => this.#pointer(key));
        if (!pointer) return;
        this.#pointers.set(entryId(key), pointer);
        found.set(entryId(key), pointer.entry);
      }),
    );
    return found;
  }

  /** Pulls entries whose manifests were found before; what could not be had is left out. In the background they come in the order of `ids`. */
  async pull(ids: readonly string[]): Promise<Map<string, LocalEntry>> {
    const pointers = ids.flatMap((id) => this.#pointers.get(id) ?? []);
    // Large ones first: what is left at the end then takes turns evenly.
    if (this.#purpose === 'install') pointers.sort((a, b) => b.archive.size - a.archive.size);
    this.#unpacker.expect(pointers.reduce((bytes, { entry }) => bytes + entry.size, 0));
    return await this.#all(pointers.map((pointer) => ({ key: pointer.entry.key, object: archiveKey(pointer.archive.sha256), size: pointer.archive.size, download: () => this.#download(pointer) })));
  }

  /** Pulls entries by the archives that they are made of; `make` verifies the bytes, and publishes. What could not be had is left out. */
  async pullOriginals(wanted: readonly Original[], make: Make): Promise<Map<string, LocalEntry>> {
    return await this.#all(
      wanted.filter(({ key }) => this.#cache.whyNot(key) === undefined).map((original) => ({
        key: original.key,
        object: originalKey(original.sha512),
        download: () => this.#original(original, make),
      })),
    );
  }

  async #original(original: Original, make: Make): Promise<LocalEntry | undefined> {
    const object = await this.#store.get(originalKey(original.sha512));
    if (!object) return undefined;
    const arrived = async (): Promise<LocalEntry | undefined> => await received.use(object.size, async (bytes) => await make(original, await fill(bytes, object.body)));
    try {
      return object.size <= MAX_ORIGINAL ? await this.#admit(original.key, object.size, arrived) : undefined;
    } finally {
      object.body.destroy();
    }
  }

  async #all(pulls: readonly Pull[]): Promise<Map<string, LocalEntry>> {
    const found = new Map<string, LocalEntry>();
    const queue = [...pulls];
    const work = async (): Promise<void> => {
      for (let pull = queue.shift(); pull !== undefined; pull = queue.shift()) {
        const { key } = pull;
        const local = await this.#quietly(pull.object, () => this.#fetch(pull));
        if (local) found.set(entryId(key), local);
      }
    };
    await Promise.all(Array.from({ length: PULLS }, work));
    return found;
  }

  /** What was found to be damaged a while ago is not asked for again. */
  async #quietly<T>(object: string, work: () => Promise<T>): Promise<T | undefined> {
    if (this.#damaged.isNoted(object)) return undefined;
    try {
      return await this.#damaged.noting(object, work);
    } catch (error) {
      this.#report(asOurs(error));
      return undefined;
    }
  }

  async #pointer(key: EntryKey): Promise<Pointer | undefined> {
    const bytes = await readSmall(this.#store, pointerKey(key), MAX_POINTER);
    return bytes && decodePointer(bytes, key);
  }

  /** One process pulls an entry, the others wait for it as long as that one shows signs of life; an install does not wait long for the background. */
  async #fetch({ key, size = 0, download }: Pull): Promise<LocalEntry | undefined> {
    const waitsUntil = performance.now() + PATIENCE + size / BYTES_PER_MS;
    for (;;) {
      const present = this.#cache.lookup(key);
      if (present) return present;
      const claim = this.#cache.claimEntry(key, this.#purpose);
      if (claim) return await holding(claim, async () => this.#cache.lookup(key) ?? (await download()));
      if (this.#purpose === 'install' && performance.now() > waitsUntil && this.#cache.isMadeInBackground(key)) return await download();
      await sleep(50);
    }
  }

  async #download(pointer: Pointer): Promise<LocalEntry | undefined> {
    const { archive } = pointer;
    if (archive.size > IN_MEMORY) return await this.#receive(pointer, (body) => this.#throughFile(body, pointer));
    return await received.use(archive.size, (buffer) => this.#receive(pointer, (body) => this.#inMemory(body, pointer, buffer)));
  }

  async #receive({ entry, archive }: Pointer, unpack: (body: Readable) => Promise<void>): Promise<LocalEntry | undefined> {
    const object = await this.#store.get(archiveKey(archive.sha256));
    if (!object) return undefined;
    if (object.size !== archive.size) {
      object.body.destroy();
      throw new PkgCacheError('ARCHIVE_INVALID', `the archive of ${entry.key.name} has another size than its pointer says`);
    }
    try {
      return await this.#admit(entry.key, entry.size, async () => {
        await unpack(object.body);
        return this.#cache.lookup(entry.key);
      });
    } finally {
      object.body.destroy();
    }
  }

  async #inMemory(body: Readable, { entry, archive }: Pointer, bytes: Buffer): Promise<void> {
    await this.#unpacker.unpack({ kind: 'archive', entry, source: { bytes: await fill(bytes, body) }, sha256: archive.sha256 });
  }

  async #throughFile(body: Readable, { entry, archive }: Pointer): Promise<void> {
    await this.#cache.withArchive(entry.key, async (path) => {
      await intoFile(body, archive, path);
      await this.#unpacker.unpack({ kind: 'archive', entry, source: { path }, trusted: true });
    });
  }
}

/** What is wrong here, with one entry, says nothing about the store: all that could go wrong there has a code already. */
function asOurs(error: unknown): PkgCacheError {
  const code = systemCode(error);
  if (error instanceof PkgCacheError) return error;
  return code === undefined ? new PkgCacheError('ARCHIVE_INVALID', 'pulling an entry failed', { cause: error }) : new PkgCacheError('CACHE_UNUSABLE', `cannot write to the cache: ${code}`, { cause: error });
}

async function intoFile(body: Readable, expected: Pointer['archive'], path: string): Promise<void> {
  const hash = createHash('sha256');
  const hashing = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });
  await pipeline(body, hashing, createWriteStream(path, { flags: 'wx' }));
  if (hash.digest('hex') !== expected.sha256) throw new PkgCacheError('ARCHIVE_INVALID', `an archive's bytes are not those of ${expected.sha256}`);
}

/** The buffer, with all of a body in it: the store has seen to it that it is not more than that. */
async function fill(buffer: Buffer, body: Readable): Promise<Buffer> {
  let filled = 0;
  for await (const chunk of body) filled += (chunk as Buffer).copy(buffer, filled);
  return buffer;
}
