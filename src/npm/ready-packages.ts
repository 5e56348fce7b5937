import { existsSync, unlinkSync, writeFileSync } from 'node:fs';
import { canReflink } from '../cache/copy.ts';
import type { LocalCache } from '../cache/local.ts';
import { verifyTree } from '../cache/ready.ts';
import { Shelf, type Ownership } from '../cache/shelf.ts';
import type { InstallContext } from '../context.ts';
import { PkgCacheError } from '../errors.ts';
import type { BuiltEntry } from './built/find.ts';
import { copyPackage, modesOf, type CopyContext } from './copy-package.ts';
import type { PackageEntry } from './entry.ts';
import { anyText, count, object, oneOf, readA, type Shape } from '../shape.ts';
import { areUntouched, bootId, DIRECTORIES, directoriesOf, type Directories } from './seal.ts';

/**
 * Ready copies of packages (shelf.ts), of which a tree that was never put together before takes one rename each. They are told from those that
 * somebody has been at by the times of their directories and not by those of their files, which would take as long as half of all else.
 */
export class ReadyPackages {
  readonly #cache: LocalCache;
  readonly #owner: Ownership;
  #shelves: ReadonlySet<string> | undefined;
  #boot: string | undefined;
  /** Nothing can be renamed from there to where it is wanted. */
  #isElsewhere = false;

  constructor(cache: LocalCache, owner: Ownership) {
    this.#cache = cache;
    this.#owner = owner;
  }

  /** The ids of entries, and of trees, that have a shelf, be it empty. */
  get shelves(): ReadonlySet<string> {
    return (this.#shelves ??= new Set(Shelf.ids(this.#cache, this.#owner)));
  }

  /** Moves a ready copy of an entry, if there is one, to `to`, which must not exist; the size of the entry. Throws the system's error. */
  take(id: string, to: string): number | undefined {
    if (this.#isElsewhere || !this.shelves.has(id)) return undefined;
    let bytes: number | undefined;
    const taken = this.#shelf(id).take(to, (copy) => {
      const sealed = readA(SHAPE, `${copy}/${SEAL}`);
      bytes = sealed?.bytes;
      return sealed?.boot === (this.#boot ??= bootId()) && areUntouched(copy, sealed?.directories);
    });
    this.#isElsewhere = taken === 'elsewhere';
    if (taken !== 'taken') return undefined;
    unlinkSync(`${to}/${SEAL}`);
    return bytes;
  }

  /** Makes so many ready copies of each entry as there are in the list, less those that there are, until the disk has no room to spare. One that is damaged is put aside. */
  prepare(entries: readonly (PackageEntry | BuiltEntry)[]): void {
    const reflink = canReflink(this.#cache.path('entries'), this.#cache.path('ready'));
    const copying: CopyContext = { cache: this.#cache, linkMode: 'private', modes: modesOf(this.#owner.umask), reflink };
    const counts = new Map<string, number>();
    for (const { id } of entries) counts.set(id, (counts.get(id) ?? 0) + 1);
    for (const [id, entry] of new Map(entries.map((each) => [each.id, each]))) {
      if (existsSync(`${entry.dir}/tree/${SEAL}`)) continue; // a package that has one of its own
      try {
        if (!this.#shelf(id).put(entry.entry.size, (directory) => make(directory, entry, copying), counts.get(id))) return;
      } catch (error) {
        if (!(error instanceof PkgCacheError) || error.code !== 'ENTRY_INVALID') throw error;
        this.#cache.quarantine(entry);
      }
    }
  }

  #shelf(id: string): Shelf {
    return new Shelf(this.#cache, this.#owner, id);
  }
}

/** What an install may take; undefined where it is not to take any. */
export function readyPackages({ cache, owner, readyCopies }: InstallContext): ReadyPackages | undefined {
  return readyCopies ? new ReadyPackages(cache, owner) : undefined;
}

/** Lies in a copy until that is taken. */
const SEAL = '.pkg-cache-seal.json';

/** Of a seal; those of other versions have others. */
const FORM = 1;

interface Seal {
  readonly form: typeof FORM;
  readonly boot: string;
  /** Of the entry. */
  readonly bytes: number;
  readonly directories: Directories;
}

const SHAPE: Shape<Seal> = object<Seal>({ form: oneOf(FORM), boot: anyText, bytes: count, directories: DIRECTORIES });

/** Verified file by file. Throws ENTRY_INVALID, or the system's error. */
function make(directory: string, entry: PackageEntry | BuiltEntry, copying: CopyContext): void {
  copyPackage(copying, entry, directory);
  verifyTree(directory, copying.cache.files(entry));
  const path = `${directory}/${SEAL}`;
  writeFileSync(path, '', { flag: 'wx' }); // which changes the time of the directory
  writeFileSync(path, JSON.stringify({ form: FORM, boot: bootId(), bytes: entry.entry.size, directories: directoriesOf(directory) } satisfies Seal));
}
