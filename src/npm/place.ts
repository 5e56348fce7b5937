import { readdirSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { LocalCache } from '../cache/local.ts';
import { adopt } from '../place/adopt.ts';
import { exists } from '../place/undo.ts';
import { Transaction } from '../place/transaction.ts';
import { isCrlfFile } from './bins.ts';
import { HIDDEN_LOCKFILE } from './lockfile.ts';
import { modesOf } from './copy-package.ts';
import type { TreeMeta } from './entry.ts';
import type { Project } from './project.ts';
import { STAGED_HIDDEN, makeExecutable } from './stage.ts';

export interface TreeContext {
  readonly cache: LocalCache;
  /** Of the process and of npm's settings together. */
  readonly umask: number;
  readonly project: Project;
  readonly meta: TreeMeta;
}

/**
 * Puts a tree into a project: the old one or the new one is there, never a part.
 *
 * `stage` is a place in a private directory on the project's file system, where the tree is to be put together first. `commit` empties
 * node_modules, which stays itself (it may be a mount point), and renames the new packages into it; the hidden lockfile comes last, because
 * npm believes it only if nothing is newer.
 */
export class Tree {
  /** Does not exist at first. */
  readonly stage: string;
  readonly #context: TreeContext;
  readonly #transaction: Transaction;

  constructor(context: TreeContext) {
    this.#context = context;
    const { cache, project, umask } = context;
    // Never inside of what is emptied.
    this.#transaction = Transaction.begin({ cache, ...targetOf(project), near: project.directory, directoryMode: modesOf(umask).directory });
    this.stage = join(this.#transaction.directory, 'stage');
  }

  /** Throws what went wrong; `rollback` is up to the caller. */
  commit(): void {
    const { project, meta, umask } = this.#context;
    const { directory, roots } = project;
    for (const root of roots) {
      this.#replace(join(directory, root, 'node_modules'), join(this.stage, root, 'node_modules'));
    }
    // Those of workspaces, by way of the links.
    for (const bin of binsOfLinks(meta)) makeExecutable(join(directory, bin), umask);
    if (meta.packages.length + meta.links.length > 0) this.#placeHidden(join(directory, HIDDEN_LOCKFILE));
  }

  /** Puts one node_modules in the place of another, as a whole where there is none. */
  #replace(to: string, from: string): void {
    const isThere = exists(to);
    if (isThere) for (const name of readdirSync(to)) this.#transaction.undo.setAside(join(to, name));
    if (!exists(from)) return;
    if (!isThere) adopt(from, to, this.#transaction.undo);
    else for (const name of readdirSync(from)) adopt(join(from, name), join(to, name), this.#transaction.undo);
  }

  rollback(): void {
    this.#transaction.rollback();
  }

  /** Gives the transaction directory away, with the old tree in it. */
  close(): void {
    this.#transaction.commit({ later: true });
  }

  #placeHidden(path: string): void {
    adopt(join(this.stage, STAGED_HIDDEN), path, this.#transaction.undo);
    const now = Date.now() / 1000;
    utimesSync(path, now, now);
  }
}

/** What is changed in a project. */
export function targetOf({ directory, roots }: Project): { target: string; roots: string[] } {
  return { target: join(directory, 'node_modules'), roots: roots.map((root) => join(directory, root, 'node_modules')) };
}

/** Whether npm would write to what it does not make: a bin of a workspace, whose first line ends with CR LF. Nobody has seen that when the tree was made, after which it is another file. */
export function changesBins({ directory }: Project, meta: TreeMeta): boolean {
  // The links may not be there yet.
  const behind = (bin: string): string => {
    const [location = '', target = ''] = meta.links.find(([at]) => bin.startsWith(`${at}/`)) ?? [];
    return join(dirname(location), target, bin.slice(location.length));
  };
  return binsOfLinks(meta).some((bin) => isCrlfFile(join(directory, behind(bin))));
}

/** The files that bins lead to by way of a link: those of workspaces. */
function binsOfLinks({ bins, links }: TreeMeta): string[] {
  return bins.map(([path, target]) => join(dirname(path), target)).filter((file) => links.some(([location]) => file.startsWith(`${location}/`)));
}
