import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { listDir } from '../../cache/sweep.ts';
import { copyTree, modesFor, type LinkMode, type Modes } from '../../cache/copy.ts';
import { describe, isDamage, type LocalCache } from '../../cache/local.ts';
import type { ReadyCopies } from '../../cache/ready.ts';
import { PkgCacheError, systemCode } from '../../errors.ts';
import type { PipEntry, SchemeKey } from '../entry.ts';
import type { InstalledDistribution } from '../installed.ts';
import { isLeftBehind, isMoved, type Layout } from '../python/schemes.ts';
import type { ScriptContext } from '../scripts.ts';
import { adopt } from '../../place/adopt.ts';
import { finishTree } from './tree.ts';
import { exists, type SetAside } from '../../place/undo.ts';
import { uninstall, type UninstallContext } from './uninstall.ts';
import { Transaction } from '../../place/transaction.ts';

/** One distribution to be placed. */
export interface Placement {
  readonly entry: PipEntry;
  /** As pip spells it for this request: the directory of its headers is named so. */
  readonly displayName: string;
  readonly requested: boolean;
  /** The version that is there and has to go. */
  readonly replaces: InstalledDistribution | undefined;
}

export interface PlaceContext {
  readonly cache: LocalCache;
  /** Undefined where ready copies must not be used. */
  readonly ready: ReadyCopies | undefined;
  readonly linkMode: LinkMode;
  readonly umask: number;
  readonly layoutOf: (distribution: string) => Layout;
  /** All that pip may change. */
  readonly roots: readonly string[];
  readonly scripts: ScriptContext;
  readonly uninstall: UninstallContext;
}

const SCHEME_KEYS: readonly SchemeKey[] = ['headers', 'data', 'scripts', 'purelib', 'platlib'];

/**
 * Places a set of distributions: all of them, or nothing.
 *
 * `prepare` makes every package's files in a private directory on the target's file system, which is where all that takes time and
 * disk happens. `commit` then only renames, `.dist-info` last, so that being killed leaves no half package that counts as installed.
 */
export class Installation {
  readonly #context: PlaceContext;
  readonly #placements: readonly Placement[];
  readonly #modes: Modes;
  readonly #transaction: Transaction;
  readonly #sources = new Map<Placement, string>();

  constructor(placements: readonly Placement[], context: PlaceContext) {
    this.#placements = placements;
    this.#context = context;
    this.#modes = modesFor(context.umask);
    const { cache, roots } = context;
    this.#transaction = Transaction.begin({ cache, roots, target: context.layoutOf('').actual.purelib, directoryMode: this.#modes.directory });
  }

  /** The transaction directory: private, and gone after `close`. */
  get directory(): string {
    return this.#transaction.directory;
  }

  /**
   * Throws ENTRY_INVALID (the entry is quarantined then), UNRECOGNISED for a set that cannot be placed as pip would, or a system error;
   * the target is as it was.
   */
  prepare(): void {
    for (const placement of this.#placements) this.stage(placement);
    if (isMoved(this.#context.layoutOf(''))) this.#assertNoneIsInTheWay();
  }

  /** The same for one of them. */
  stage(placement: Placement): void {
    const source = join(this.#transaction.directory, String(this.#placements.indexOf(placement)));
    this.#orPutAside(placement, () => {
      this.#copy(placement, source);
      this.#finish(placement, source);
    });
    this.#sources.set(placement, source);
  }

  /** What pip moves to a `--target` first, from the library directories, is in the way of data of the same name at the top level. */
  #assertNoneIsInTheWay(): void {
    const top = (schemes: readonly SchemeKey[]): string[] =>
      [...this.#sources.values()].flatMap((source) => schemes.flatMap((scheme) => listDir(join(source, scheme))));
    const { data, scripts, headers } = this.#context.layoutOf('').recorded;
    const moved = new Set(top(['data']));
    for (const [scheme, directory] of [['scripts', scripts], ['headers', headers]] as const) {
      if (top([scheme]).length > 0) moved.add(relative(data, directory).split(sep)[0] ?? '');
    }
    const both = top(['purelib', 'platlib']).find((name) => moved.has(name));
    if (both !== undefined) throw new PkgCacheError('UNRECOGNISED', `${both} is both a package and data, of which pip leaves one out`);
  }

  /** Throws what went wrong; `rollback` is up to the caller. */
  commit(): void {
    for (const placement of this.#placements) this.#place(placement, this.#sources.get(placement));
  }

  /**
   * Places one that has been staged, for good, or takes it back and throws. What it replaces has been uninstalled by somebody else. Returns the
   * files of other distributions that it has overwritten; until `close`, they are in the transaction directory.
   */
  placeStaged(placement: Placement): SetAside[] {
    try {
      this.#place({ ...placement, replaces: undefined }, this.#sources.get(placement));
      return this.#transaction.keep();
    } catch (error) {
      this.#transaction.rollbackToKept();
      throw error;
    }
  }

  /** Takes back what `commit` placed, and brings back what it replaced. */
  rollback(): void {
    this.#transaction.rollback();
  }

  /** Removes the transaction directory. The placed files stay. */
  close(): void {
    this.#transaction.commit();
  }

  #copy({ entry }: Placement, source: string): void {
    const { cache, linkMode, ready } = this.#context;
    if (ready?.take(entry, source)) return;
    copyTree({ from: join(entry.dir, 'tree'), to: source, files: cache.files(entry), mode: linkMode, modes: this.#modes });
  }

  #finish(placement: Placement, source: string): void {
    finishTree(source, {
      meta: placement.entry.entry.meta,
      requested: placement.requested,
      recorded: this.#layout(placement).recorded,
      scripts: this.#context.scripts,
      cacheTag: this.#context.uninstall.cacheTag,
      modes: this.#modes,
    });
  }

  /** An entry that turns out to be damaged, or to have other files than it says, is put aside, so that it is a miss from then on. */
  #orPutAside({ entry }: Placement, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!isDamage(error) && !isOtherFile(error)) throw error;
      this.#context.cache.quarantine(entry);
      throw new PkgCacheError('ENTRY_INVALID', `${describe(entry.entry)} is damaged in the cache`, { cause: error });
    }
  }

  #place(placement: Placement, source: string | undefined): void {
    if (source === undefined) throw new Error('commit before prepare');
    const layout = this.#layout(placement);
    if (placement.replaces) uninstall(placement.replaces, this.#context.uninstall, this.#transaction.undo);
    for (const scheme of SCHEME_KEYS) {
      const from = join(source, scheme);
      if (!exists(from)) continue;
      const names = readdirSync(from).filter((name) => scheme !== 'data' || !isLeftBehind(layout, name));
      this.#adoptScheme(from, names, layout.actual[scheme], placement.entry.entry.meta.distInfo);
    }
  }

  #adoptScheme(from: string, unordered: readonly string[], to: string, distInfo: string): void {
    if (unordered.length === 0) return;
    this.#transaction.undo.makeDirectory(to);
    const names = [...unordered].sort((a, b) => Number(a === distInfo) - Number(b === distInfo));
    for (const name of names) adopt(join(from, name), join(to, name), this.#transaction.undo);
  }

  #layout({ displayName }: Placement): Layout {
    return this.#context.layoutOf(displayName);
  }
}

/** Whether there is a directory in the place of a file, or a file in that of a directory; macOS does not permit what Linux says is a directory. */
function isOtherFile(error: unknown): boolean {
  return ['EISDIR', 'ENOTDIR', 'EEXIST', 'EPERM'].includes(systemCode(error) ?? '');
}
