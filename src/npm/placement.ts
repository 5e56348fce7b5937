import type { EntryKey } from '../cache/entry.ts';
import { NeedsCharge, type InstallContext } from '../context.ts';
import { PkgCacheError } from '../errors.ts';
import { takeTurn } from '../place/turn.ts';
import { recoverTarget } from '../place/transaction.ts';
import { builtKeys, findBuilt, replacing } from './built/find.ts';
import type { TreeEntry } from './entry.ts';
import { announce } from './output.ts';
import { Tree, changesBins, targetOf } from './place.ts';
import { MANY_PACKAGES, peekPrepared, takePrepared, type Known, type PrepareDetails } from './prepared.ts';
import type { Project } from './project.ts';
import type { NpmRequest } from './recognise/request.ts';
import { ScriptsFailed, runScripts } from './run-scripts.ts';

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

/** Does `work`, which says whether the project was served, while nobody else serves it. False as well when that takes too long, or an entry is damaged. */
export async function inTurn({ context, project }: Serving, work: () => Promise<boolean>): Promise<boolean> {
  const claim = await takeTurn(context.cache, project.directory, context.checkpoint);
  if (!claim) return false;
  try {
    const { target, roots } = targetOf(project);
    recoverTarget(context.cache, target, roots);
    return await work();
  } catch (error) {
    // What is damaged has been put aside, and is what npm has to bring.
    if ((error instanceof PkgCacheError && error.code === 'ENTRY_INVALID') || error instanceof ScriptsFailed) return false;
    throw error;
  } finally {
    claim.release();
  }
}

type Fill = (stage: string) => Known | undefined | Promise<Known | undefined>;

/** Puts a tree into a project, and tells of it. */
export class Placement {
  /** How many of its packages came from the store for this. */
  pulled = 0;
  readonly #serving: Serving;

  constructor(serving: Serving) {
    this.#serving = serving;
  }

  /** Whether copies of a tree, and of its packages, are made in advance. */
  mayPrepare({ entry }: TreeEntry): boolean {
    return this.#serving.context.readyCopies && entry.meta.packages.length >= MANY_PACKAGES;
  }

  /** By a copy that was made in advance; false if there is none. */
  async putPrepared(tree: TreeEntry): Promise<boolean> {
    const { cache, owner } = this.#serving.context;
    if (tree.entry.meta.built.length > 0) this.#assertCharge(peekPrepared(cache, owner, tree.id)?.runs ?? []);
    return await this.#put(tree, (stage) => takePrepared(cache, owner, tree.id, stage, (known) => known.manifest === tree.hash && this.#isStillBuilt(known)), { packages: false });
  }

  /** Puts a tree in place of the old one; `fill` puts it together from packages in the new directory `stage`, and says what is known of it, if it could. `runs`: see `Known`. */
  async put(tree: TreeEntry, runs: readonly string[], fill: Fill): Promise<boolean> {
    this.#assertCharge(runs);
    return await this.#put(tree, fill, { packages: true });
  }

  /** Scripts may take long, and are to be told of signals. */
  #assertCharge(runs: readonly string[]): void {
    if (runs.length > 0 && this.#serving.context.role !== 'in charge') throw new NeedsCharge();
  }

  async #put(tree: TreeEntry, fill: Fill, { packages }: { packages: boolean }): Promise<boolean> {
    const { context, request, project } = this.#serving;
    if (changesBins(project, tree.entry.meta)) return false;
    const made = new Tree({ cache: context.cache, umask: context.owner.umask, project, meta: tree.entry.meta });
    let known: Known | undefined;
    try {
      known = await fill(made.stage);
      if (!known) {
        made.rollback();
        return false;
      }
      context.checkpoint();
      made.commit();
      if (known.runs.length > 0) await runScripts(context, request, project, known.runs);
      context.checkpoint();
    } catch (error) {
      made.rollback();
      throw error;
    }
    context.cache.touch(tree);
    this.#tell(known);
    this.#note(tree, known);
    made.close();
    if (this.mayPrepare(tree)) context.assembleAgain({ key: tree.entry.key, known, packages } satisfies PrepareDetails);
    return true;
  }

  /** Whether packages that were built are what would be built now, and the scripts of the others are those that would be run: variables may have changed. */
  #isStillBuilt({ built, runs }: Known): boolean {
    const { request, context } = this.#serving;
    const { env, cache } = context;
    const ingredients = new Map(built.map(([location, each]) => [location, each]));
    const conditions = { request, env, cache };
    const keys = builtKeys(ingredients, conditions);
    const found = findBuilt(cache, keys);
    const replaced = replacing(found, ingredients, conditions);
    return found.size === built.length && built.every(([location, , id]) => found.get(location)?.id === id && replaced.has(location) !== runs.includes(location));
  }

  #tell({ summary, entries }: Known): void {
    const { context, request, started } = this.#serving;
    announce(request, summary, { elapsed: Date.now() - started, fromStore: this.pulled, fromCache: entries - this.pulled }, context);
  }

  #note({ id, entry }: TreeEntry, { bytes }: Known): void {
    const { length } = entry.meta.packages;
    this.#serving.context.note({ local: length - this.pulled, store: this.pulled, missed: 0, bytes, ids: [id] });
  }
}
