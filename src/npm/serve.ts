import { existsSync } from 'node:fs';
import { entryId, type EntryKey } from '../cache/entry.ts';
import type { InstallContext, Remote } from '../context.ts';
import { builtKeys as keysOfBuilt, findBuilt, ingredientsAt, pullBuilt, replacing, type BuiltEntry } from './built/find.ts';
import type { Ingredients } from './built/key.ts';
import type { PackageEntry, TreeEntry, TreeMeta } from './entry.ts';
import { assembleTogether, threadFor, type Helper } from './helper.ts';
import type { Lock } from './lockfile.ts';
import { summarise } from './output.ts';
import { findPackages, packagesOfTree, tellProblem, type Wanted } from './packages.ts';
import { Placement, inTurn, type Serving } from './placement.ts';
import type { Sizes } from './placing.ts';
import { readHidden, type Known } from './prepared.ts';
import { pullPackages } from './pull.ts';
import { readyPackages } from './ready-packages.ts';
import { canRunScripts } from './run-scripts.ts';
import { scriptPolicy } from './script-policy.ts';
import { assemble } from './stage.ts';
import { whyNotTrusted } from './trust.ts';

/** A thread that is likely to be of help. It is called before the lockfile is read, by whoever then calls `serve`. */
export function helperFor(context: InstallContext, tree: EntryKey): Helper | undefined {
  return threadFor(context.cache, tree, readyPackages(context));
}

/**
 * Serves a project, and says whether it could; if not, it is as it was. The store is only asked by the process that is in charge: what comes
 * from there takes long enough for somebody to want to stop it. `helper` helps to place the packages, where there are many.
 */
export async function serve(serving: Serving, helper?: Helper): Promise<boolean> {
  return await inTurn(serving, () => new Attempt(serving, helper).run());
}

class Attempt {
  readonly #serving: Serving;
  /** By integrity. */
  #packages = new Map<string, PackageEntry>();
  /** Of the packages with install scripts, entries that stand for a run of these, by location. */
  #built = new Map<string, BuiltEntry>();
  /** The entries of all of them. */
  #scripted = new Map<string, BuiltEntry>();
  /** Where those are whose scripts have to be run. */
  #runs: readonly string[] = [];
  /** The packages that are as their tarballs have them. */
  #wanted: readonly Wanted[] = [];
  readonly #placement: Placement;
  readonly #helper: Helper | undefined;

  constructor(serving: Serving, helper: Helper | undefined) {
    this.#serving = serving;
    this.#placement = new Placement(serving);
    this.#helper = helper;
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
    if (!this.#hasBuilt(tree)) return false;
    const { found, missing } = findPackages(this.#serving.context.cache, this.#wanted);
    this.#packages = found;
    return missing.length === 0;
  }

  /** Whether of all packages with install scripts it is known what these make, or that they have to be run. */
  #hasBuilt(tree: TrustedTree): boolean {
    const { request, context } = this.#serving;
    const { built } = tree.entry.meta;
    this.#scripted = findBuilt(context.cache, tree.builtKeys);
    this.#built = replacing(this.#scripted, tree.ingredients, { request, ...context });
    this.#runs = built.filter((location) => !this.#built.has(location));
    this.#wanted = packagesOfTree(tree, tree.hidden, new Set(this.#built.keys()));
    return this.#scripted.size === built.length && (this.#runs.length === 0 || canRunScripts(request));
  }

  async #pullPackages(tree: TrustedTree, remote: Remote): Promise<boolean> {
    const { context, request } = this.#serving;
    const built = await pullBuilt(context, remote, tree.builtKeys, tree.ingredients, { request, ...context });
    if (built === undefined || !this.#hasBuilt(tree)) return false;
    this.#placement.pulled = built.filter((location) => this.#built.has(location)).length + (await pullPackages(context, remote, findPackages(context.cache, this.#wanted).missing)).size;
    return this.#isComplete(tree);
  }

  /** By a copy that was put together in advance. */
  async #placePrepared(tree: TrustedTree): Promise<boolean> {
    return this.#placement.mayPrepare(tree) && this.#hasBuilt(tree) && this.#isAllowed(tree) && (await this.#placement.putPrepared(tree));
  }

  /** Package by package, by two threads where there are many. Whatever is not as it should be, the other way finds out. */
  async #placeTogether(tree: TrustedTree): Promise<boolean> {
    const { context } = this.#serving;
    const { cache, linkMode, owner } = context;
    if (!this.#hasBuilt(tree) || !this.#isAllowed(tree)) return false;
    const ids = new Map(this.#wanted.map((each) => [each.integrity, entryId(each.key)]));
    if (![...ids.values()].every((id) => existsSync(`${cache.entryDir(id)}/entry.sha256`))) return false;
    const ready = this.#placement.mayPrepare(tree) ? readyPackages(context) : undefined;
    const whole = { cache, linkMode, umask: owner.umask, meta: tree.entry.meta, hidden: tree.hidden, ids, built: this.#built, ready };
    return await this.#placement.put(tree, this.#runs, async (stage) => {
      const sizes = await assembleTogether(this.#helper, stage, whole);
      return sizes && this.#knownOf(tree, sizes);
    });
  }

  /** A copy that was made in advance may hold what the rules are against by now. */
  #isAllowed({ builtKeys }: TrustedTree): boolean {
    const keys = [...this.#wanted.map(({ key }) => key), ...builtKeys.values()];
    return keys.every((key) => this.#serving.context.policy.whyNot(key) === undefined);
  }

  async #place(tree: TrustedTree): Promise<boolean> {
    const { cache, linkMode, owner } = this.#serving.context;
    const parts = { cache, linkMode, umask: owner.umask, meta: tree.entry.meta, hidden: tree.hidden, packages: this.#packages, built: this.#built };
    return await this.#placement.put(tree, this.#runs, (stage) => {
      assemble(stage, parts);
      const entries = [...this.#packages.values(), ...this.#built.values()];
      for (const entry of entries) cache.touch(entry);
      return this.#knownOf(tree, new Map(entries.map(({ id, entry }) => [id, entry.size])));
    });
  }

  /** `sizes`: of the entries that it was put together from. */
  #knownOf({ hash, hidden, ingredients, entry }: TrustedTree, sizes: Sizes): Known {
    const built = [...ingredients].flatMap(([location, of]): Known['built'][number][] => {
      const found = this.#scripted.get(location);
      return found ? [[location, of, found.id]] : [];
    });
    const bytes = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    return { manifest: hash, built, runs: this.#runs, summary: summarise(this.#serving.project.lock, hidden, entry.meta), entries: this.#wanted.length + this.#built.size, bytes };
  }

  /** A tree with its hidden lockfile; one that is damaged, or not the project's, is put aside, whoever made it. */
  #trusted(tree: TreeEntry | undefined): TrustedTree | undefined {
    const { context, request, project } = this.#serving;
    const hidden = tree && readHidden(tree);
    if (hidden && whyNotTrusted(tree.entry.meta, hidden, scriptPolicy(project), request) === undefined) {
      const { built } = tree.entry.meta;
      const ingredients = ingredientsAt(built, project.lock);
      return { ...tree, hidden, ingredients, builtKeys: keysOfBuilt(ingredients, { request, ...context }) };
    }
    if (tree) context.cache.quarantine(tree);
    return undefined;
  }
}

/** A tree that is the project's, and what it is made of. */
interface TrustedTree extends TreeEntry {
  readonly hidden: Lock;
  /** Of the packages whose install scripts ran, by location. */
  readonly ingredients: ReadonlyMap<string, Ingredients>;
  readonly builtKeys: ReadonlyMap<string, EntryKey>;
}
