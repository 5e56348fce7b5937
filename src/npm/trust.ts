import { posix } from 'node:path';
import { missingFrom } from './absent.ts';
import { binsOf, isBin } from './bins.ts';
import type { TreeMeta } from './entry.ts';
import { isPairs, isTexts } from './forms.ts';
import { comesInBundle, isInstalled, leftOutOf, type Lock, type LockPackage } from './lockfile.ts';
import type { NpmRequest } from './recognise/request.ts';
import { withScripts, type ScriptPolicy } from './script-policy.ts';

/**
 * Why a tree may not be that of the project, whoever has made it, or undefined: every package must be one of the project's own lockfile, with
 * the integrity that is written there; only what npm may leave out may be absent; links lead to where npm makes them lead; and only packages
 * whose install scripts npm may run here have been built, since nothing compares what is built with what the lockfile says.
 */
export function whyNotTrusted(tree: TreeMeta, hidden: Lock, project: ScriptPolicy, request: NpmRequest): string | undefined {
  const { lock } = project;
  if (!isTree(tree)) return 'it is no tree';
  const twice = firstTwice([...tree.packages, ...tree.links, ...tree.bins].map(([path]) => path));
  if (twice !== undefined) return `${twice} is there twice`;
  const mayBeBuilt = new Set(withScripts(project, request));
  const built = tree.built.find((location) => !mayBeBuilt.has(location) || !hidden.packages.has(location));
  if (built !== undefined) return `${built} has no install scripts to be run`;
  for (const [location, entry] of hidden.packages) {
    if (!isSame(entry, lock.packages.get(location))) return `${location} is another one than in the lockfile`;
  }
  const missing = missingFrom(hidden, lock, request);
  if (missing !== undefined) return `${missing} is missing`;
  const placed = new Map<string, string>(tree.packages);
  for (const [location, entry] of hidden.packages) {
    const own = comesInBundle(location, hidden.packages) ? undefined : integrityOf(location, entry);
    if (placed.get(location) !== own) return `${location} has another integrity`;
  }
  const linked = new Map<string, string>(tree.links);
  const unlinked = [...hidden.packages].find(([location, { link }]) => link === true && isInstalled(location) && !linked.has(location));
  if (unlinked) return `${unlinked[0]} is missing`;
  const stray = tree.packages.find(([location]) => !isInstalled(location) || !hidden.packages.has(location));
  const link = tree.links.find(([location, target]) => target !== targetOf(location, hidden.packages.get(location)));
  const leftOut = tree.empty && leftOutOf(lock, hidden);
  const needless = tree.empty?.find((path) => leftOut?.has(path) !== true);
  const bins = binsOf(hidden);
  return stray?.[0] ?? link?.[0] ?? needless ?? tree.bins.find(([path, target]) => !isBin(bins, path, target))?.[0];
}

/** What is too deep to be written down is not the same either. */
function isSame(entry: LockPackage, own: LockPackage | undefined): boolean {
  try {
    return JSON.stringify(entry) === JSON.stringify(own);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return false;
  }
}

/** Where two things lie at one place, one of them may be what nobody has compared with the lockfile. */
function firstTwice(paths: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return paths.find((path) => seen.size === seen.add(path).size);
}

/** Whether a manifest has the form of a tree's: that it was stored under the right key says nothing about that. */
function isTree(meta: unknown): meta is TreeMeta {
  const { packages, links, bins, unreviewed, built, unsupported, empty = [] } = (meta ?? {}) as Partial<Record<keyof TreeMeta, unknown>>;
  return [packages, links, bins, unreviewed].every(isPairs) && [built, unsupported, empty].every(isTexts);
}

/** Where npm makes a link lead (reify.js, `#symlink`): relative to where the link lies. */
function targetOf(location: string, entry: LockPackage | undefined): string | undefined {
  return entry?.link === true && entry.resolved !== undefined ? posix.relative(posix.dirname(location), entry.resolved) : undefined;
}

/** Of what comes out of a tarball. */
function integrityOf(location: string, { link, integrity }: LockPackage): string | undefined {
  return !isInstalled(location) || link === true ? undefined : integrity;
}
