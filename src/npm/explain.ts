import type { EntryKey } from '../cache/entry.ts';
import { entryId } from '../cache/entry.ts';
import type { InstallContext } from '../context.ts';
import type { Explained, Explanation } from '../explanation.ts';
import type { TreeMeta } from './entry.ts';
import { consider } from './install.ts';
import { findPackages, tellProblem, wantedPackages } from './packages.ts';
import type { NpmRequest } from './recognise/request.ts';

/** Says what `install` would do with the same context, and does none of it: nothing is placed, pulled, touched or spooled. */
export async function explain(context: InstallContext): Promise<Explanation> {
  const considered = consider(context);
  if ('leftToNpm' in considered) return { decision: 'tool', why: considered.leftToNpm, requirements: [] };
  const { request, project, key, notServed } = considered;
  if (!project || !key) return { decision: 'tool', why: notServed ?? 'only npm can read the project', requirements: [] };
  const wanted = wantedPackages(project.lock, request);
  const { found } = findPackages(context.cache, wanted);
  const requirements = wanted.map(({ key: { name, version }, integrity, source }): Explained => {
    const requirement = `${name}@${version}`;
    const refused = context.policy.whyNot({ ecosystem: 'npm', name, version }, source === undefined ? undefined : [source]);
    if (refused !== undefined) return { requirement, outcome: 'miss', why: refused };
    if (found.has(integrity)) return { requirement, outcome: 'local', why: 'in the local cache' };
    return { requirement, outcome: 'miss', why: 'not in the local cache; the store is asked for it' };
  });
  const missing = wanted.length - found.size;
  const refused = wanted.find(({ key: each }) => context.policy.whyNot(each) !== undefined);
  const rest = missing === 0 ? 'npm runs, and unpacks all packages from the cache' : `npm runs, and unpacks ${found.size} of ${wanted.length} packages from the cache`;
  if (notServed !== undefined) return { decision: 'tool', why: `${notServed}; ${rest}`, requirements };
  const tree = await findTree(context, request, key);
  if (tree === undefined) return { decision: 'tool', why: `npm has not been seen to succeed with this project, npm, Node, platform and settings; ${rest}`, requirements };
  if (refused) return { decision: 'tool', why: `${refused.key.name} is not to come from the cache; ${rest}`, requirements };
  if (missing === 0) return { decision: 'served', why: `npm has been seen to make this tree, which is in the ${tree}`, requirements };
  return { decision: 'mixed', why: `the tree is in the ${tree}; it is served if the store has what is missing here; otherwise ${rest}`, requirements };
}

async function findTree({ cache, openRemote, printError }: InstallContext, request: NpmRequest, key: EntryKey): Promise<'local cache' | 'store' | undefined> {
  if (cache.lookup<TreeMeta>(key)) return 'local cache';
  const remote = await openRemote();
  if (!remote) return undefined;
  try {
    return (await remote.manifests([key])).has(entryId(key)) ? 'store' : undefined;
  } finally {
    tellProblem(remote, request, printError);
    remote.close();
  }
}
