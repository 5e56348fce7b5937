import { edgesFrom } from '../edges.ts';
import { nameAt, type Lock } from '../lockfile.ts';

/** The packages that the one at `location` finds as its dependencies, and theirs, itself not among them: `name@version integrity`, sorted. */
export function closureOf(lock: Lock, location: string): string[] {
  const seen = new Set([location]);
  const queue = [location];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    // What a link leads to is not of a registry, and says nothing that could be compared.
    if (lock.packages.get(next)?.link === true) continue;
    for (const { to: found } of edgesFrom(lock, next)) {
      if (seen.has(found)) continue;
      seen.add(found);
      queue.push(found);
    }
  }
  seen.delete(location);
  return [...seen].map((at) => describe(lock, at)).sort();
}

function describe({ packages }: Lock, location: string): string {
  const { name = nameAt(location), version = '', integrity = '', link } = packages.get(location) ?? {};
  return `${name}@${version} ${link === true ? 'link' : integrity}`;
}
