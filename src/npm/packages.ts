import type { EntryKey } from '../cache/entry.ts';
import type { LocalCache } from '../cache/local.ts';
import type { InstallContext, Remote } from '../context.ts';
import { packageKey, type PackageEntry, type PackageMeta, type TreeEntry } from './entry.ts';
import { comesInBundle, isInstalled, mayBeFromRegistry, nameAt, type Lock, type LockPackage } from './lockfile.ts';
import { fitsPlatform } from './platform.ts';
import type { Policy } from '../policy.ts';
import type { Registries } from './recognise/registry.ts';
import type { NpmRequest } from './recognise/request.ts';

/** A package that is to be had under its integrity. */
export interface Wanted {
  readonly key: EntryKey;
  readonly integrity: string;
  /** The URL that it would come from, if that is known. */
  readonly source?: string;
}

/** The URL that a package of a lockfile comes from, for rules about registries: lockfiles may leave it out, and npm puts its own registry's for npmjs's. */
export function sourceOf(name: string, { resolved }: Pick<LockPackage, 'resolved'>, { registry = NPMJS, scopes }: Registries): string {
  if (resolved?.startsWith(NPMJS) === false) return resolved;
  return scopes.get(/^@[^/]+/.exec(name)?.[0] ?? '') ?? registry;
}

const NPMJS = 'https://registry.npmjs.org/';

/** Why a package of a project is not to come from the cache, by rules about registries too; undefined if all may. */
export function whyNotCachable({ packages }: Lock, request: NpmRequest, policy: Policy): string | undefined {
  if (policy.isEmpty) return undefined;
  for (const [location, entry] of packages) {
    const { name = nameAt(location), version = '', link } = entry;
    if (!isInstalled(location) || link === true) continue;
    const why = policy.whyNot({ ecosystem: 'npm', name, version }, [sourceOf(name, entry, request)]);
    if (why !== undefined) return `${name}@${version} is ${why}`;
  }
  return undefined;
}

/** The packages of a lockfile that an install may want here, and that a policy, if one is given, lets come from the cache, each once. Those for other machines are not among them, nor what comes in bundles. */
export function wantedPackages({ packages }: Lock, request: NpmRequest, policy?: Policy): Wanted[] {
  const wanted = new Map<string, Wanted>();
  for (const [location, entry] of packages) {
    const { name = nameAt(location), version, integrity, link } = entry;
    if (!isInstalled(location) || version === undefined || integrity === undefined || link === true || comesInBundle(location, packages) || !mayBeFromRegistry(entry)) continue;
    if (entry.optional === true && !fitsPlatform(entry, request)) continue;
    if (entry.dev === true && request.omit.has('dev')) continue;
    const source = sourceOf(name, entry, request);
    if (policy?.whyNot({ ecosystem: 'npm', name, version }, [source]) !== undefined) continue;
    wanted.set(integrity, { key: packageKey(name, version, integrity), integrity, source });
  }
  return [...wanted.values()];
}

/** The packages of a tree that are as their tarballs have them, each once: all but the `built` ones, given by location. */
export function packagesOfTree({ entry }: TreeEntry, { packages }: Lock, built: ReadonlySet<string>): Wanted[] {
  const wanted = entry.meta.packages.flatMap(([location, integrity]): [string, Wanted][] => {
    const { name = nameAt(location), version = '' } = packages.get(location) ?? {};
    return built.has(location) ? [] : [[integrity, { key: packageKey(name, version, integrity), integrity }]];
  });
  return [...new Map(wanted).values()];
}

/** The wanted packages that are in the local cache, by integrity, and the others. */
export function findPackages(cache: LocalCache, wanted: readonly Wanted[]): { found: Map<string, PackageEntry>; missing: Wanted[] } {
  const found = new Map<string, PackageEntry>();
  const missing = wanted.filter(({ key, integrity }) => {
    const local = cache.lookup<PackageMeta>(key);
    if (local) found.set(integrity, local);
    return !local;
  });
  return { found, missing };
}

/** As the context, but that the store is not asked again once it has failed: the user has been told, and npm has the packages, too. */
export function untilItFails(context: InstallContext): InstallContext {
  let last: Remote | undefined;
  return { ...context, openRemote: async () => (last?.problem() === undefined ? (last = await context.openRemote()) : undefined) };
}

/** Tells the user that something is wrong with the store. */
export function tellProblem(remote: Remote, { loglevel }: Pick<NpmRequest, 'loglevel'>, printError: (text: string) => void): void {
  const problem = remote.problem();
  if (problem !== undefined && !problem.known && loglevel !== 'silent') printError(`pkg-cache: ${problem.message}; going on without it\n`);
}
