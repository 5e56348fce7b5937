import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { EntryFile } from '../../cache/entry.ts';
import { listDir } from '../../cache/sweep.ts';
import { sha256File } from '../../hash.ts';
import { isBin, type Bins } from '../bins.ts';
import { gitPlaces } from './git.ts';
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

/** That somebody wrote somewhere. */
export interface Trace {
  readonly path: string;
  /** When, in epoch milliseconds; undefined where that is not known. */
  readonly at: number | undefined;
}

/** More traces say nothing new. */
const MAX_TRACES = 1000;

/**
 * Where somebody wrote while install scripts ran, outside of the packages that these belong to. Looked at are all of
 * node_modules, the project, the parts of its repository that change what git does, and the home directory; by the times of files, so that what
 * others wrote meanwhile counts as well. What a script leaves elsewhere on the machine is not noticed.
 */
export function writtenOutside(surroundings: Surroundings): Trace[] {
  const traces: Trace[] = [];
  for (const trace of everywhere(surroundings)) if (traces.push(trace) >= MAX_TRACES) return [...traces, { path: '…', at: undefined }];
  return traces;
}

function* everywhere(surroundings: Surroundings): Generator<Trace> {
  const { directory, roots } = surroundings;
  for (const root of roots) {
    yield* inModules(surroundings, root === '' ? 'node_modules' : `${root}/node_modules`);
    yield* inProject(surroundings, join(directory, root));
  }
  yield* inGit(surroundings);
  yield* inHome(surroundings);
}

/** In a node_modules directory, whose own time is npm's affair, and in what npm put there. */
function* inModules(surroundings: Surroundings, modules: string): Generator<Trace> {
  for (const name of listDir(join(surroundings.directory, modules))) {
    const location = `${modules}/${name}`;
    if (name === '.package-lock.json') continue;
    if (name === '.bin') yield* inBins(surroundings, location);
    else if (name.startsWith('@')) yield* inModules(surroundings, location);
    else yield* inPackage(surroundings, location);
  }
}

/** npm makes its links while scripts run, so that their times say nothing. */
function* inBins({ directory, bins }: Surroundings, holder: string): Generator<Trace> {
  for (const name of listDir(join(directory, holder))) {
    const path = join(directory, holder, name);
    const stat = lstatSync(path);
    if (!stat.isSymbolicLink() || !isBin(bins, `${holder}/${name}`, readlinkSync(path))) yield { path: `${holder}/${name}`, at: stat.ctimeMs };
  }
}

function* inPackage(surroundings: Surroundings, location: string): Generator<Trace> {
  const { directory, own, window } = surroundings;
  const path = join(directory, location);
  const stat = lstatSync(path);
  if (!stat.isDirectory()) {
    if (changedIn(stat, window)) yield { path: location, at: stat.ctimeMs };
    return;
  }
  if (!own.has(location)) {
    const files = surroundings.filesAt(location);
    yield* changedBelow(path, location, (relative, changed) => isAsPacked(changed, files?.get(relative)), surroundings);
  }
  yield* inModules(surroundings, `${location}/node_modules`);
}

/** npm makes bins executable meanwhile, which changes nothing in them. */
function isAsPacked(path: string, file: EntryFile | undefined): boolean {
  return file !== undefined && lstatSync(path).isFile() && sha256File(path) === file.sha256;
}

/** What changed below a directory, but for what is `excused`; nested node_modules are left out. */
function* changedBelow(path: string, location: string, excused: (relative: string, path: string) => boolean, surroundings: Surroundings, prefix = ''): Generator<Trace> {
  const { from } = surroundings.window;
  for (const entry of readdirSync(join(path, prefix), { withFileTypes: true })) {
    const relative = prefix + entry.name;
    if (entry.isDirectory() && entry.name === 'node_modules') continue;
    const { mtimeMs, ctimeMs } = lstatSync(join(path, relative));
    // A directory's time says that something came or went.
    const at = entry.isDirectory() ? mtimeMs : ctimeMs;
    if (at >= from && (entry.isDirectory() || !excused(relative, join(path, relative)))) yield { path: `${location}/${relative}`, at };
    if (entry.isDirectory()) yield* changedBelow(path, location, excused, surroundings, `${relative}/`);
  }
}

/** In the files of the project itself, or of a workspace. */
function* inProject(surroundings: Surroundings, path: string): Generator<Trace> {
  const { roots, directory, caches } = surroundings;
  yield* changedFiles(path, surroundings, new Set([...roots.map((root) => join(directory, root)), ...caches, join(path, '.git')]));
}

/** In the parts of its repository that change what git does, wherever that lies. */
function* inGit(surroundings: Surroundings): Generator<Trace> {
  const { directories, files } = gitPlaces(surroundings.directory, surroundings.home);
  for (const each of directories) yield* changedFiles(each, surroundings, new Set(surroundings.caches));
  for (const path of files) {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat && changedIn(stat, surroundings.window)) yield { path, at: stat.ctimeMs };
  }
}

function* inHome(surroundings: Surroundings): Generator<Trace> {
  const { home, directory, caches } = surroundings;
  yield* changedFiles(home, surroundings, new Set([directory, ...caches]));
}

/** The files below a directory that changed while scripts ran; '…' if there is too much to look at. */
function* changedFiles(top: string, { window, directory: project, workspaceBins }: Surroundings, apart: ReadonlySet<string>): Generator<Trace> {
  const isBin = (file: string): boolean => file.startsWith(`${project}/`) && workspaceBins.has(file.slice(project.length + 1));
  const waiting: [path: string, depth: number][] = [[top, 0]];
  let seen = 0;
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const [directory, depth] = next;
    for (const name of listDir(directory)) {
      const child = join(directory, name);
      if (name === 'node_modules' || apart.has(child)) continue;
      const stat = lstatSync(child, { throwIfNoEntry: false });
      if (!stat) continue;
      if (++seen > MAX_LOOKED_AT) {
        yield { path: `${top}/…`, at: undefined };
        return;
      }
      const at = isBin(child) ? stat.mtimeMs : stat.ctimeMs;
      if (stat.isDirectory() && depth < MAX_DEPTH) waiting.push([child, depth + 1]);
      else if (!stat.isDirectory() && changedIn({ ctimeMs: at }, window)) yield { path: child, at };
    }
  }
}

function changedIn({ ctimeMs }: { readonly ctimeMs: number }, { from, to }: Window): boolean {
  return ctimeMs >= from && ctimeMs <= to;
}
