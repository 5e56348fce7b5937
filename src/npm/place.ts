import { chmodSync, closeSync, fchmodSync, futimesSync, mkdirSync, openSync, readFileSync, readdirSync, statSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { LinkMode, Modes } from '../cache/copy.ts';
import type { LocalCache } from '../cache/local.ts';
import { PkgCacheError } from '../errors.ts';
import { adopt } from '../place/adopt.ts';
import { UndoLog, exists } from '../place/undo.ts';
import { openWorkshop, removeWorkshop } from '../place/workshop.ts';
import type { BuiltEntry } from './built/find.ts';
import { HIDDEN_LOCKFILE } from './capture.ts';
import { copyPackage, modesOf } from './copy-package.ts';
import type { PackageEntry, TreeMeta } from './entry.ts';
import type { Project } from './project.ts';

export interface TreeContext {
  readonly cache: LocalCache;
  readonly linkMode: LinkMode;
  readonly umask: number;
  readonly project: Project;
  readonly meta: TreeMeta;
  /** The bytes of the hidden lockfile. */
  readonly hidden: Buffer;
  /** By integrity. */
  readonly packages: ReadonlyMap<string, PackageEntry>;
  /** By location. */
  readonly built: ReadonlyMap<string, BuiltEntry>;
}

/**
 * Makes a project's node_modules out of entries: the old one or the new one, never a part.
 *
 * `prepare` puts the whole tree together in a private directory on the project's file system. `commit` empties node_modules, which stays
 * itself (it may be a mount point), and renames the new packages into it; the hidden lockfile comes last, because npm believes it only if
 * nothing is newer.
 */
export class Tree {
  readonly #context: TreeContext;
  readonly #modes: Modes;
  readonly #workshop: string;
  readonly #stage: string;
  readonly #undo: UndoLog;

  constructor(context: TreeContext) {
    this.#context = context;
    this.#modes = modesOf(context.umask);
    this.#workshop = openWorkshop(context.cache, join(context.project.directory, 'node_modules'));
    this.#stage = join(this.#workshop, 'stage');
    this.#undo = new UndoLog(this.#workshop, this.#modes.directory);
  }

  /** Throws ENTRY_INVALID for a damaged entry, which is put aside, or a system error; the project is as it was. */
  prepare(): void {
    const { meta } = this.#context;
    mkdirSync(this.#stage);
    for (const [location, integrity] of meta.packages) this.#copy(location, integrity);
    for (const [location, target] of [...meta.links, ...meta.bins]) {
      this.#makeDirectory(dirname(join(this.#stage, location)));
      symlinkSync(target, join(this.#stage, location));
    }
    for (const [path, target] of meta.bins) this.#makeExecutable(join(this.#stage, dirname(path), target));
    this.#makeManifestBinsExecutable();
  }

  /** Throws what went wrong; `rollback` is up to the caller. */
  commit(): void {
    const { project, meta } = this.#context;
    const { directory, roots } = project;
    for (const root of roots) {
      const to = join(directory, root, 'node_modules');
      if (exists(to)) for (const name of readdirSync(to)) this.#undo.setAside(join(to, name));
      const from = join(this.#stage, root, 'node_modules');
      if (!exists(from)) continue;
      this.#undo.makeDirectory(to);
      for (const name of readdirSync(from)) adopt(join(from, name), join(to, name), this.#undo);
    }
    // Those of workspaces, by way of the links.
    for (const [path, target] of meta.bins) if (!exists(join(this.#stage, dirname(path), target))) this.#makeExecutable(join(directory, dirname(path), target));
    if (meta.packages.length + meta.links.length > 0) this.#writeHidden(join(directory, HIDDEN_LOCKFILE));
  }

  rollback(): void {
    if (this.#undo.rollback()) this.close();
  }

  /** Removes the workshop, with the old tree in it. */
  close(): void {
    this.#undo.close();
    removeWorkshop(this.#workshop);
  }

  #copy(location: string, integrity: string): void {
    const { cache, linkMode, packages, built } = this.#context;
    const entry = built.get(location) ?? packages.get(integrity);
    if (!entry) throw new PkgCacheError('ENTRY_INVALID', `${location} is gone from the cache`);
    const to = join(this.#stage, location);
    this.#makeDirectory(dirname(to));
    copyPackage({ cache, linkMode, modes: this.#modes }, entry, to);
  }

  /** npm does that with all bins (bin-links, fix-bin.js); one that is not there it leaves out. */
  #makeExecutable(file: string): void {
    const stat = statSync(file, { throwIfNoEntry: false });
    const mode = 0o777 & ~this.#context.umask;
    if (stat?.isFile() !== true || (stat.mode & 0o777) === mode) return;
    if (stat.nlink > 1) giveOwnInode(file); // else the cache's file would change as well
    chmodSync(file, mode);
  }

  /** Where the lockfile does not say where a tarball is, npm reads the package's manifest first, and pacote then knows its bins. */
  #makeManifestBinsExecutable(): void {
    const { meta, project } = this.#context;
    for (const [location] of meta.packages) {
      const { resolved, bin } = project.lock.packages.get(location) ?? {};
      if (resolved === undefined) for (const path of Object.values(bin ?? {})) this.#makeExecutable(join(this.#stage, location, path));
    }
  }

  #writeHidden(path: string): void {
    this.#undo.creates(path);
    const fd = openSync(path, 'wx');
    try {
      fchmodSync(fd, this.#modes.file);
      writeFileSync(fd, this.#context.hidden);
      const now = Date.now() / 1000;
      futimesSync(fd, now, now);
    } finally {
      closeSync(fd);
    }
  }

  #makeDirectory(path: string): void {
    if (exists(path)) return;
    this.#makeDirectory(dirname(path));
    mkdirSync(path);
    chmodSync(path, this.#modes.directory);
  }
}

function giveOwnInode(file: string): void {
  const bytes = readFileSync(file);
  unlinkSync(file);
  writeFileSync(file, bytes, { flag: 'wx' });
}
