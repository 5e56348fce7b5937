import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { entryId, type EntryKey } from '../cache/entry.ts';
import type { InstallContext, Remote } from '../context.ts';
import { PkgCacheError } from '../errors.ts';
import { takeTurn } from '../place/turn.ts';
import { recoverTarget } from '../place/workshop.ts';
import type { Ingredients } from './built/key.ts';
import { builtKeys as keysOfBuilt, findBuilt, ingredientsAt, pullBuilt, type BuiltEntry } from './built/find.ts';
import type { PackageEntry, TreeEntry, TreeMeta } from './entry.ts';
import type { Lock } from './lockfile.ts';
import { assembleTogether, helperFor, type Helper } from './helper.ts';
import { announce, summarise, type Summary } from './output.ts';
import { findPackages, packagesOfTree, pullPackages, tellProblem, type Wanted } from './packages.ts';
import { Tree } from './place.ts';
import type { Sizes } from './placing.ts';
import { MANY_PACKAGES, readHidden, takePrepared, type Known, type PrepareDetails } from './prepared.ts';
import type { Project } from './project.ts';
import type { NpmRequest } from './recognise/request.ts';
import { assemble } from './stage.ts';
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
  /** Helps to place the packages, where there are many. */
  readonly helper?: Helper | undefined;
}

/**
 * Serves a project, and says whether it could; if not, it is as it was. The store is only asked by the process that is in charge: what comes
 * from there takes long enough for somebody to want to stop it.
 */
export async function serve(serving: Serving): Promise<boolean> {
  return await inTurn(serving, (attempt) => attempt.run());
}

/**
 * As `serve`, for a project whose lockfile may be unread, with a copy of its tree that was made when it was served before: nothing is found out
 * that was found out then.
 */
export async function serveAgain(serving: Serving): Promise<boolean> {
  return await inTurn(serving, (attempt) => attempt.runAgain());
}

async function inTurn(serving: Serving, work: (attempt: Attempt) => Promise<boolean>): Promise<boolean> {
  const { context, project } = serving;
  const claim = await takeTurn(context.cache, project.directory, context.checkpoint);
  if (!claim) return false;
  try {
    recoverTarget(context.cache, join(project.directory, 'node_modules'), project.directory);
    return await work(new Attempt(serving));
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
  #packages = new Map<string, PackageEntry>();
  /** By location. */
  #built = new Map<string, BuiltEntry>();
  #pulled = 0;

  constructor(serving: Serving) {
    this.#serving = serving;
  }

  async run(): Promise<boolean> {
    const { context, request, key } = this.#serving;
    const local = this.#trusted(context.cache.lookup<TreeMeta>(key));
    if (local && (await this.#placePrepared(local))) return true;
    if (local && (await this.#placeTogether(local))) return true;
    if (local && this.#isComplete(local)) return await this.#place(local);
    if (context.role !== 'in charge') return false;
    const remote = await context.openRemote();
    if (!remote) return false;
    try {
      const tree = local ?? (await this.#findTree(remote));
      if (!tree || !(await this.#pullPackages(tree, remote))) return false;
      return (await this.#placeTogether(tree)) || (await this.#place(tree));
    } finally {
      tellProblem(remote, request, context.printError);
      remote.close();
    }
  }

  async runAgain(): Promise<boolean> {
    const { context, key } = this.#serving;
    const tree = context.cache.lookup<TreeMeta>(key);
    return tree !== undefined && this.#mayPrepare(tree) && await this.#put(tree, (stage) => this.#takePrepared(tree, stage));
  }

  #takePrepared({ id, hash }: TreeEntry, stage: string): Known | undefined {
    const { cache, owner } = this.#serving.context;
    return takePrepared(cache, owner, id, stage, (known) => known.manifest === hash && this.#isStillBuilt(known));
  }

  /** Whether packages that were built are what would be built now: variables may have changed. */
  #isStillBuilt({ built }: Known): boolean {
    const { request, context } = this.#serving;
    const keys = keysOfBuilt(new Map(built.map(([location, ingredients]) => [location, ingredients])), { request, env: context.env });
    return built.every(([location, , id]) => {
      const key = keys.get(location);
      return key !== undefined && entryId(key) === id;
    });
  }

  /** A tree that the store does not have may be in the making on another worker; then that is waited for. */
  async #findTree(remote: Remote): Promise<TrustedTree | undefined> {
    const { context, key } = this.#serving;
    const others = remote.others(entryId(key));
    const tree = this.#trusted(await this.#pullTree(remote));
    if (tree || !(await context.interruptible(others.areAtWork()))) return tree;
    await context.interruptible(others.done());
    return this.#trusted(await this.#pullTree(remote));
  }

  async #pullTree(remote: Remote): Promise<TreeEntry | undefined> {
    const { context, key } = this.#serving;
    const found = await context.interruptible(remote.manifests([key]));
    const pulled = await context.interruptible(remote.pull([...found.keys()]));
    return pulled.get(entryId(key)) as TreeEntry | undefined;
  }

  /** Whether everything that a tree is made of is in the local cache. */
  #isComplete(tree: TrustedTree): boolean {
    const { found, missing } = findPackages(this.#serving.context.cache, tree.wanted);
    this.#packages = found;
    return this.#hasBuilt(tree) && missing.length === 0;
  }

  /** Whether all its built packages are. */
  #hasBuilt({ builtKeys, entry }: TrustedTree): boolean {
    this.#built = findBuilt(this.#serving.context.cache, builtKeys);
    return this.#built.size === entry.meta.built.length;
  }

  async #pullPackages(tree: TrustedTree, remote: Remote): Promise<boolean> {
    const { context } = this.#serving;
    const built = await pullBuilt(context, remote, tree.builtKeys);
    if (built === undefined) return false;
    this.#pulled = built + (await pullPackages(context, remote, findPackages(context.cache, tree.wanted).missing)).size;
    return this.#isComplete(tree);
  }

  /** By a copy that was put together in advance. */
  async #placePrepared(tree: TrustedTree): Promise<boolean> {
    if (!this.#mayPrepare(tree) || !this.#isAllowed(tree)) return false;
    return this.#hasBuilt(tree) && (await this.#put(tree, (stage) => this.#takePrepared(tree, stage)));
  }

  /** By two threads. Whatever is not as it should be, the other way finds out. */
  async #placeTogether(tree: TrustedTree): Promise<boolean> {
    const { context, key } = this.#serving;
    const { cache, linkMode } = context;
    const ids = new Map(tree.wanted.map((each) => [each.integrity, entryId(each.key)]));
    if (!this.#isAllowed(tree) || !this.#hasBuilt(tree) || ![...ids.values()].every((id) => existsSync(cache.entryDir(id)))) return false;
    const helper = this.#serving.helper ?? helperFor(cache, key);
    if (!helper) return false;
    try {
      return await this.#put(tree, async (stage) => {
        const sizes = await assembleTogether(helper, stage, { cache, linkMode, umask: this.#umask, meta: tree.entry.meta, hidden: tree.hidden, ids, built: this.#built });
        return sizes && this.#knownOf(tree, sizes);
      });
    } finally {
      helper.close();
    }
  }

  /** A copy that was made in advance may hold what the rules are against by now. */
  #isAllowed({ wanted, builtKeys }: TrustedTree): boolean {
    const keys = [...wanted.map(({ key }) => key), ...builtKeys.values()];
    return keys.every((key) => this.#serving.context.policy.whyNot(key) === undefined);
  }

  async #place(tree: TrustedTree): Promise<boolean> {
    const { cache, linkMode } = this.#serving.context;
    const parts = { cache, linkMode, umask: this.#umask, meta: tree.entry.meta, hidden: tree.hidden, packages: this.#packages, built: this.#built };
    return await this.#put(tree, (stage) => {
      assemble(stage, parts);
      const entries = [...this.#packages.values(), ...this.#built.values()];
      for (const entry of entries) cache.touch(entry);
      return this.#knownOf(tree, new Map(entries.map(({ id, entry }) => [id, entry.size])));
    });
  }

  /** `sizes`: of the entries that it was put together from. */
  #knownOf({ hash, hidden, ingredients, entry }: TrustedTree, sizes: Sizes): Known {
    const built = [...ingredients].flatMap(([location, of]): Known['built'][number][] => {
      const found = this.#built.get(location);
      return found ? [[location, of, found.id]] : [];
    });
    const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    return { manifest: hash, built, summary: summarise(this.#serving.project.lock, hidden, entry.meta), bytes };
  }

  /** Puts a tree in place of the old one; `fill` makes the new directory `stage`, and says what is known of it, if it could. */
  async #put(tree: TreeEntry, fill: (stage: string) => Known | undefined | Promise<Known | undefined>): Promise<boolean> {
    const { context, project } = this.#serving;
    const made = new Tree({ cache: context.cache, umask: this.#umask, project, meta: tree.entry.meta });
    let known: Known | undefined;
    try {
      known = await fill(made.stage);
      if (!known) {
        made.rollback();
        return false;
      }
      context.checkpoint();
      made.commit();
    } catch (error) {
      made.rollback();
      throw error;
    }
    context.cache.touch(tree);
    this.#tell(tree, known.summary);
    this.#note(tree, known);
    made.close();
    if (this.#mayPrepare(tree)) context.assembleAgain({ key: tree.entry.key, umask: this.#umask, known } satisfies PrepareDetails);
    return true;
  }

  /** A tree with its hidden lockfile; one that is damaged, or not the project's, is put aside, whoever made it. */
  #trusted(tree: TreeEntry | undefined): TrustedTree | undefined {
    const { context, request, project } = this.#serving;
    const hidden = tree && readHidden(tree);
    if (hidden && whyNotTrusted(tree.entry.meta, hidden, project.lock, request) === undefined) {
      const { built } = tree.entry.meta;
      const ingredients = ingredientsAt(built, project.lock);
      return { ...tree, hidden, wanted: packagesOfTree(tree, hidden, new Set(built)), ingredients, builtKeys: keysOfBuilt(ingredients, { request, env: context.env }) };
    }
    if (tree) context.cache.quarantine(tree);
    return undefined;
  }

  #tell({ entry }: TreeEntry, summary: Summary): void {
    const { context, request, started } = this.#serving;
    const used = new Set(entry.meta.packages.map(([location, integrity]) => (entry.meta.built.includes(location) ? location : integrity))).size;
    announce(request, summary, { elapsed: Date.now() - started, fromStore: this.#pulled, fromCache: used - this.#pulled }, context);
  }

  #note({ id, entry }: TreeEntry, { bytes }: Known): void {
    const { length } = entry.meta.packages;
    this.#serving.context.note({ local: length - this.#pulled, store: this.#pulled, missed: 0, bytes, ids: [id] });
  }

  #mayPrepare({ entry }: TreeEntry): boolean {
    const { readyCopies, linkMode } = this.#serving.context;
    return readyCopies && linkMode === 'private' && entry.meta.packages.length >= MANY_PACKAGES;
  }

  get #umask(): number {
    const { context, request } = this.#serving;
    return context.owner.umask | request.umask;
  }
}

/** A tree that is the project's, and what it is made of. */
interface TrustedTree extends TreeEntry {
  readonly hidden: Lock;
  /** The packages that are as their tarballs have them. */
  readonly wanted: readonly Wanted[];
  /** Of the others, by location. */
  readonly ingredients: ReadonlyMap<string, Ingredients>;
  readonly builtKeys: ReadonlyMap<string, EntryKey>;
}
