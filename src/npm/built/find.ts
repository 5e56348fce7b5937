import { entryId, type EntryKey } from '../../cache/entry.ts';
import type { LocalCache, LocalEntry } from '../../cache/local.ts';
import type { InstallContext, Remote } from '../../context.ts';
import { abiOf } from '../facts.ts';
import type { Lock } from '../lockfile.ts';
import { isPairs } from '../forms.ts';
import { valuesOf } from './evidence.ts';
import { builtKey, ingredientsOf, outsideKey, type BuildContext, type BuiltMeta, type Ingredients } from './key.ts';
import { toolchain } from './toolchain.ts';

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
export function builtKeys(packages: ReadonlyMap<string, Ingredients>, conditions: Conditions): Map<string, EntryKey> {
  if (packages.size === 0) return new Map(); // neither Node nor compilers need be asked
  const { request, env, cache } = conditions;
  const context = { request, env, nodeAbi: knownAbi(request), toolchain: knownToolchain(cache, env) };
  return new Map([...packages].map(([location, ingredients]) => [location, builtKey(ingredients, context)]));
}

/** Where it is kept that the scripts of packages write elsewhere, by location. */
export function outsideKeys(packages: ReadonlyMap<string, Ingredients>, request: Conditions['request']): Map<string, EntryKey> {
  return new Map([...packages].map(([location, ingredients]) => [location, outsideKey(ingredients, { nodeAbi: knownAbi(request) })]));
}

/** What decides, besides the packages themselves, what their scripts make. */
export interface Conditions extends Pick<BuildContext, 'request' | 'env'> {
  readonly cache: LocalCache;
}

let abi: readonly [node: string, abi: string] | undefined;

function knownAbi({ scriptEnv }: Conditions['request']): string {
  const node = scriptEnv['NODE'] ?? '';
  if (abi?.[0] !== node) abi = [node, abiOf(node)];
  return abi[1];
}

let tools: readonly [path: string | undefined, toolchain: string] | undefined;

function knownToolchain(cache: LocalCache, env: Conditions['env']): string {
  if (tools?.[0] !== env['PATH'] || !tools) tools = [env['PATH'], toolchain(cache, env)];
  return tools[1];
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

/**
 * Those that can stand for a run of their scripts. The scripts of the others have to run: because there is nothing of the package in the entry, because
 * they read variables that had another value, or because they were seen to write elsewhere, be it under other conditions.
 */
export function replacing(found: ReadonlyMap<string, BuiltEntry>, packages: ReadonlyMap<string, Ingredients>, { request, env, cache }: Conditions): Map<string, BuiltEntry> {
  const variables = { ...env, ...request.scriptEnv };
  const canReplace = (location: string, { entry: { meta } }: BuiltEntry): boolean => {
    const ingredients = packages.get(location);
    return ingredients !== undefined && meta.runs === undefined && isSame(meta.variables, variables) && !cache.lookup(outsideKey(ingredients, { nodeAbi: knownAbi(request) }));
  };
  return new Map([...found].filter(([location, entry]) => canReplace(location, entry)));
}

function isSame(variables: BuiltMeta['variables'], env: Conditions['env']): boolean {
  if (!isPairs(variables ?? [])) return false;
  const values = new Map(valuesOf((variables ?? []).map(([name]) => name), env));
  return (variables ?? []).every(([name, value]) => values.get(name) === value);
}

/** Pulls those that are not in the local cache, and what is said of them under other conditions; where those were wanted, or undefined if not all are there now. */
export async function pullBuilt({ cache, interruptible }: InstallContext, remote: Remote, keys: ReadonlyMap<string, EntryKey>, packages: ReadonlyMap<string, Ingredients>, { request }: Conditions): Promise<readonly string[] | undefined> {
  const missing = [...keys].filter(([, key]) => !cache.lookup(key));
  if (missing.length === 0) return [];
  const outside = [...outsideKeys(packages, request).values()].filter((key) => !cache.lookup(key));
  const found = await interruptible(remote.manifests([...missing.map(([, key]) => key), ...outside]));
  const pulled = await interruptible(remote.pull([...found.keys()]));
  return missing.every(([, key]) => pulled.has(entryId(key))) ? missing.map(([location]) => location) : undefined;
}
