import { isInstalled, type Lock, type LockPackage } from './lockfile.ts';

/** That one package of a lockfile has another one as its dependency. Both are locations. */
export interface Edge {
  readonly from: string;
  readonly to: string;
  /** It does without. */
  readonly optional: boolean;
}

/** All edges of a lockfile, by either end; without those to what is not in it. */
export function edgesOf(lock: Lock): { readonly from: Map<string, Edge[]>; readonly to: Map<string, Edge[]> } {
  const from = new Map<string, Edge[]>();
  const to = new Map<string, Edge[]>();
  for (const location of lock.packages.keys()) {
    for (const edge of edgesFrom(lock, location)) {
      from.set(edge.from, [...(from.get(edge.from) ?? []), edge]);
      to.set(edge.to, [...(to.get(edge.to) ?? []), edge]);
    }
  }
  return { from, to };
}

/** What a package depends on, as Node would find it (arborist, node.js, `_loadDeps`); `devDependencies` count for what is not installed by npm. */
export function edgesFrom({ packages }: Lock, location: string): Edge[] {
  const entry = packages.get(location) ?? {};
  if (entry.link === true) return entry.resolved === undefined || !packages.has(entry.resolved) ? [] : [{ from: location, to: entry.resolved, optional: false }];
  return [...namesOf(entry, location)].flatMap(([name, optional]): Edge[] => {
    const to = find(packages, location, name);
    return to === undefined ? [] : [{ from: location, to, optional }];
  });
}

/** Names of dependencies, and whether they are optional. */
function namesOf({ dependencies, devDependencies, optionalDependencies, peerDependencies, peerDependenciesMeta }: LockPackage, location: string): Map<string, boolean> {
  const names = new Map<string, boolean>();
  for (const name of Object.keys(peerDependencies ?? {})) names.set(name, peerDependenciesMeta?.[name]?.optional === true);
  for (const name of Object.keys({ ...dependencies, ...(!isInstalled(location) && devDependencies) })) names.set(name, false);
  for (const name of Object.keys(optionalDependencies ?? {})) names.set(name, true);
  return names;
}

function find(packages: Lock['packages'], location: string, name: string): string | undefined {
  for (let at: string | undefined = location; at !== undefined; at = parentOf(at)) {
    const candidate = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (packages.has(candidate)) return candidate;
  }
  return undefined;
}

/** The next directory above that may have a node_modules; undefined above the project. */
function parentOf(location: string): string | undefined {
  if (location === '') return undefined;
  const end = location.lastIndexOf('node_modules/');
  return end <= 0 ? '' : location.slice(0, end - 1);
}
