import { entryId, type EntryKey } from '../../cache/entry.ts';
import type { LocalCache, LocalEntry } from '../../cache/local.ts';
import type { InstallContext, Remote } from '../../context.ts';
import { abiOf } from '../facts.ts';
import type { Lock } from '../lockfile.ts';
import { builtKey, ingredientsOf, type BuildContext, type BuiltMeta, type Ingredients } from './key.ts';

/** An entry of a package as its own install scripts have left it. */
export type BuiltEntry = LocalEntry<BuiltMeta>;

/** What packages are built of, by location; without those that have no integrity. */
export function ingredientsAt(locations: readonly string[], lock: Lock): Map<string, Ingredients> {
  return new Map(
    locations.flatMap((location): [string, Ingredients][] => {
      const ingredients = ingredientsOf(location, lock);
      return ingredients ? [[location, ingredients]] : [];
    }),
  );
}

/** The keys of built packages by location. */
export function builtKeys(packages: ReadonlyMap<string, Ingredients>, { request, env }: Pick<BuildContext, 'request' | 'env'>): Map<string, EntryKey> {
  if (packages.size === 0) return new Map(); // the Node need not be asked
  const context = { request, env, nodeAbi: abiOf(request.scriptEnv['NODE'] ?? '') };
  return new Map([...packages].map(([location, ingredients]) => [location, builtKey(ingredients, context)]));
}

/** Those that are in the local cache, by location. */
export function findBuilt(cache: LocalCache, keys: ReadonlyMap<string, EntryKey>): Map<string, BuiltEntry> {
  return new Map(
    [...keys].flatMap(([location, key]): [string, BuiltEntry][] => {
      const local = cache.lookup<BuiltMeta>(key);
      return local ? [[location, local]] : [];
    }),
  );
}

/** Pulls those that are not in the local cache; how many that were, or undefined if not all are there now. */
export async function pullBuilt({ cache, interruptible }: InstallContext, remote: Remote, keys: ReadonlyMap<string, EntryKey>): Promise<number | undefined> {
  const missing = [...keys.values()].filter((key) => !cache.lookup(key));
  const found = await interruptible(remote.manifests(missing));
  const pulled = await interruptible(remote.pull([...found.keys()]));
  return missing.every((key) => pulled.has(entryId(key))) ? missing.length : undefined;
}
