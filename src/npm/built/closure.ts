import { nameAt, type Lock } from '../lockfile.ts';

/** The packages that the one at `location` finds as its dependencies, and theirs, itself not among them: `name@version integrity`, sorted. */
export function closureOf(lock: Lock, location: string): string[] {
  const seen = new Set([location]);
  const queue = [location];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const found of dependenciesOf(lock, next)) {
      if (seen.has(found)) continue;
      seen.add(found);
      queue.push(found);
    }
  }
  seen.delete(location);
  return [...seen].map((at) => describe(lock, at)).sort();
}

/** Locations of the dependencies of a package, as Node would find them; those that are not in the lockfile are left out. */
function dependenciesOf({ packages }: Lock, location: string): string[] {
  const { dependencies, optionalDependencies, peerDependencies } = packages.get(location) ?? {};
  const names = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
  return names.flatMap((name) => {
    for (let at: string | undefined = location; at !== undefined; at = parentOf(at)) {
      const candidate = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
      if (packages.has(candidate)) return [candidate];
    }
    return [];
  });
}

/** The next directory above that may have a node_modules; undefined above the project. */
function parentOf(location: string): string | undefined {
  if (location === '') return undefined;
  const end = location.lastIndexOf('node_modules/');
  return end <= 0 ? '' : location.slice(0, end - 1);
}

function describe({ packages }: Lock, location: string): string {
  const { name = nameAt(location), version = '', integrity = '', link } = packages.get(location) ?? {};
  return `${name}@${version} ${link === true ? 'link' : integrity}`;
}
