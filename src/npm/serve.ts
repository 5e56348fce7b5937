import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { entryId, type EntryKey } from '../cache/entry.ts';
import type { InstallContext, Original, Remote } from '../context.ts';
import { PkgCacheError } from '../errors.ts';
import { sha256 } from '../hash.ts';
import { takeTurn } from '../place/turn.ts';
import { recoverTarget } from '../place/workshop.ts';
import { packageKey, type PackageEntry, type PackageMeta, type TreeEntry, type TreeMeta } from './entry.ts';
import { sha512Of } from './integrity.ts';
import { nameAt, parseLock } from './lockfile.ts';
import { announce } from './output.ts';
import { makePackage } from './package.ts';
import { Tree } from './place.ts';
import type { Project } from './project.ts';
import type { NpmRequest } from './recognise/request.ts';
import { whyNotTrusted } from './trust.ts';

/** What is to be served, to whom. */
export interface Serving {
  readonly context: InstallContext;
  readonly request: NpmRequest;
  readonly project: Project;
  /** Of the tree that npm made of the project. */
  readonly key: EntryKey;
  /** When the command began, in epoch milliseconds. */
  readonly started: number;
}

/**
 * Serves a project, and says whether it could; if not, it is as it was. The store is only asked by the process that is in charge: what comes
 * from there takes long enough for somebody to want to stop it.
 */
export async function serve(serving: Serving): Promise<boolean> {
  const { context, project } = serving;
  const claim = await takeTurn(context.cache, project.directory, context.checkpoint);
  if (!claim) return false;
  try {
    recoverTarget(context.cache, join(project.directory, 'node_modules'));
    return await new Attempt(serving).run();
  } catch (error) {
    // What is damaged has been put aside, and is what npm has to bring.
    if (error instanceof PkgCacheError && error.code === 'ENTRY_INVALID') return false;
    throw error;
  } finally {
    claim.release();
  }
}

class Attempt {
  readonly #serving: Serving;
  /** By integrity. */
  readonly #packages = new Map<string, PackageEntry>();
  #pulled = 0;

  constructor(serving: Serving) {
    this.#serving = serving;
  }

  async run(): Promise<boolean> {
    const { context, key } = this.#serving;
    const local = context.cache.lookup<TreeMeta>(key);
    if (local && this.#missing(local).length === 0) return this.#place(local);
    if (context.role !== 'in charge') return false;
    const remote = await context.openRemote();
    if (!remote) return false;
    try {
      const tree = local ?? (await this.#pullTree(remote));
      if (!tree || !(await this.#pullPackages(tree, remote))) return false;
      return this.#place(tree);
    } finally {
      this.#tellProblem(remote);
      remote.close();
    }
  }

  async #pullTree(remote: Remote): Promise<TreeEntry | undefined> {
    const { context, key } = this.#serving;
    const found = await context.interruptible(remote.manifests([key]));
    const pulled = await context.interruptible(remote.pull([...found.keys()]));
    return pulled.get(entryId(key)) as TreeEntry | undefined;
  }

  /** The packages of a tree that are not in the local cache, each once. */
  #missing({ entry }: TreeEntry): { key: EntryKey; integrity: string }[] {
    const missing = new Map<string, { key: EntryKey; integrity: string }>();
    for (const [location, integrity] of entry.meta.packages) {
      if (this.#packages.has(integrity)) continue;
      const { name, version } = this.#serving.project.lock.packages.get(location) ?? {};
      const key = packageKey(name ?? nameAt(location), version ?? '', integrity);
      const local = this.#serving.context.cache.lookup<PackageMeta>(key);
      if (local) this.#packages.set(integrity, local);
      else missing.set(integrity, { key, integrity });
    }
    return [...missing.values()];
  }

  async #pullPackages(tree: TreeEntry, remote: Remote): Promise<boolean> {
    const { context } = this.#serving;
    const integrities = new Map<string, string>();
    const wanted = this.#missing(tree).flatMap(({ key, integrity }): Original[] => {
      integrities.set(entryId(key), integrity);
      const sha512 = sha512Of(integrity);
      return sha512 === undefined ? [] : [{ key, sha512 }];
    });
    const make = ({ key }: Original, tarball: Buffer): PackageEntry => makePackage(context.cache, key, integrities.get(entryId(key)) ?? '', tarball);
    this.#pulled = (await context.interruptible(remote.pullOriginals(wanted, make))).size;
    return this.#missing(tree).length === 0;
  }

  #place(tree: TreeEntry): boolean {
    const { context, request, project, started } = this.#serving;
    const { cache, linkMode, owner } = context;
    const text = readFileSync(join(tree.dir, 'tree/package-lock.json'));
    const hidden = parseLock(text.toString('utf8'));
    if (sha256(text) !== tree.entry.archive.sha256 || whyNotTrusted(tree.entry.meta, hidden, project.lock, request) !== undefined) {
      cache.quarantine(tree);
      return false;
    }
    const made = new Tree({ cache, linkMode, umask: owner.umask | request.umask, project, meta: tree.entry.meta, hidden: text, packages: this.#packages });
    try {
      made.prepare();
      context.checkpoint();
      made.commit();
    } catch (error) {
      made.rollback();
      throw error;
    }
    for (const entry of [tree, ...this.#packages.values()]) cache.touch(entry);
    announce(request, { lock: project.lock, hidden, unsupported: tree.entry.meta.unsupported }, { elapsed: Date.now() - started, fromStore: this.#pulled, fromCache: this.#packages.size - this.#pulled }, context);
    made.close();
    return true;
  }

  #tellProblem(remote: Remote): void {
    const { context, request } = this.#serving;
    const problem = remote.problem();
    if (problem !== undefined && !problem.known && request.loglevel !== 'silent') context.printError(`pkg-cache: ${problem.message}; going on without it\n`);
  }
}
