import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import type { EntryFile } from '../../cache/entry.ts';
import { listDir } from '../../cache/sweep.ts';
import { sha256File } from '../../hash.ts';
import { isBin, type Bins } from '../bins.ts';
import type { Window } from './window.ts';

/** What is looked at for traces that install scripts have left outside of their own packages. */
export interface Surroundings {
  /** The project. */
  readonly directory: string;
  /** Directories with a node_modules, relative to the project. */
  readonly roots: readonly string[];
  /** Files of workspaces that npm makes executable, relative to the project. */
  readonly workspaceBins: ReadonlySet<string>;
  /** Packages whose scripts ran, by location: what is in them is theirs. */
  readonly own: ReadonlySet<string>;
  /** The files of another package, as its tarball has them; undefined for what is no package, or none of a registry. */
  readonly filesAt: (location: string) => ReadonlyMap<string, EntryFile> | undefined;
  /** The links that npm makes in `.bin` directories. */
  readonly bins: ReadonlyMap<string, Bins>;
  readonly home: string;
  /** Directories that may be written to: caches of npm, of node-gyp, and ours. */
  readonly caches: readonly string[];
  readonly window: Window;
}

/** So many files of a home directory are looked at, and so deep. */
const MAX_LOOKED_AT = 20_000;
const MAX_DEPTH = 6;

/**
 * Where somebody wrote while install scripts ran, outside of the packages that these belong to; undefined if nowhere. Looked at are all of
 * node_modules, the project, and the home directory; by the times of files, so that what others wrote meanwhile counts as well. What a script
 * leaves elsewhere on the machine is not noticed.
 */
export function writtenOutside(surroundings: Surroundings): string | undefined {
  const { directory, roots } = surroundings;
  for (const root of roots) {
    const found = inModules(surroundings, root === '' ? 'node_modules' : `${root}/node_modules`) ?? inProject(surroundings, join(directory, root), root === '');
    if (found !== undefined) return found;
  }
  return inHome(surroundings);
}

/** In a node_modules directory, whose own time is npm's affair, and in what npm put there. */
function inModules(surroundings: Surroundings, modules: string): string | undefined {
  for (const name of listDir(join(surroundings.directory, modules))) {
    const location = `${modules}/${name}`;
    if (name === '.package-lock.json') continue;
    const found = name === '.bin' ? inBins(surroundings, location) : name.startsWith('@') ? inModules(surroundings, location) : inPackage(surroundings, location);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** npm makes its links while scripts run, so that their times say nothing. */
function inBins({ directory, bins }: Surroundings, holder: string): string | undefined {
  const isTheirs = (path: string): boolean => lstatSync(join(directory, path)).isSymbolicLink() && isBin(bins, path, readlinkSync(join(directory, path)));
  return listDir(join(directory, holder)).map((name) => `${holder}/${name}`).find((path) => !isTheirs(path));
}

function inPackage(surroundings: Surroundings, location: string): string | undefined {
  const { directory, own, window } = surroundings;
  const path = join(directory, location);
  const stat = lstatSync(path);
  if (!stat.isDirectory()) return changedIn(stat, window) ? location : undefined;
  if (own.has(location)) return inModules(surroundings, `${location}/node_modules`);
  const files = surroundings.filesAt(location);
  return changedBelow(path, location, (relative, changed) => isAsPacked(changed, files?.get(relative)), surroundings) ?? inModules(surroundings, `${location}/node_modules`);
}

/** npm makes bins executable meanwhile, which changes nothing in them. */
function isAsPacked(path: string, file: EntryFile | undefined): boolean {
  return file !== undefined && lstatSync(path).isFile() && sha256File(path) === file.sha256;
}

/** The first thing below a directory that changed, but for what is `excused`; nested node_modules are left out. */
function changedBelow(path: string, location: string, excused: (relative: string, path: string) => boolean, { window }: Surroundings): string | undefined {
  const visit = (directory: string, prefix: string): string | undefined => {
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const relative = prefix + entry.name;
      const child = join(directory, entry.name);
      if (entry.isDirectory() && entry.name === 'node_modules') continue;
      const stat = lstatSync(child);
      // A directory's time says that something came or went.
      const changed = entry.isDirectory() ? stat.mtimeMs >= window.from : stat.ctimeMs >= window.from && !excused(relative, child);
      const found = changed ? `${location}/${relative}` : entry.isDirectory() ? visit(child, `${relative}/`) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return visit(path, '');
}

/** In the files of the project itself, or of a workspace, and in the parts of a repository that change what git does. */
function inProject(surroundings: Surroundings, path: string, isTop: boolean): string | undefined {
  const { roots, directory, caches } = surroundings;
  const apart = new Set([...roots.map((root) => join(directory, root)), ...caches, join(path, '.git')]);
  const found = firstChanged(path, surroundings, apart);
  return found ?? (isTop ? (firstChanged(join(path, '.git/hooks'), surroundings, apart) ?? changedFile(join(path, '.git/config'), surroundings)) : undefined);
}

function inHome(surroundings: Surroundings): string | undefined {
  const { home, directory, caches } = surroundings;
  return firstChanged(home, surroundings, new Set([directory, ...caches]));
}

/** The first file below a directory that changed while scripts ran; '…' if there is too much to look at. */
function firstChanged(path: string, { window, directory: project, workspaceBins }: Surroundings, apart: ReadonlySet<string>): string | undefined {
  const isBin = (file: string): boolean => file.startsWith(`${project}/`) && workspaceBins.has(file.slice(project.length + 1));
  let seen = 0;
  const visit = (directory: string, depth: number): string | undefined => {
    for (const name of listDir(directory)) {
      const child = join(directory, name);
      if (name === 'node_modules' || apart.has(child)) continue;
      const stat = lstatSync(child, { throwIfNoEntry: false });
      if (!stat) continue;
      if (++seen > MAX_LOOKED_AT) return `${path}/…`;
      if (!stat.isDirectory() && changedIn(isBin(child) ? { ctimeMs: stat.mtimeMs } : stat, window)) return child;
      const found = stat.isDirectory() && depth < MAX_DEPTH ? visit(child, depth + 1) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  };
  return visit(path, 0);
}

function changedFile(path: string, { window }: Surroundings): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat && changedIn(stat, window) ? path : undefined;
}

function changedIn({ ctimeMs }: Pick<Stats, 'ctimeMs'>, { from, to }: Window): boolean {
  return ctimeMs >= from && ctimeMs <= to;
}
