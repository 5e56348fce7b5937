import type { InstallContext } from '../context.ts';
import { PkgCacheError } from '../errors.ts';
import type { Explained, Explanation } from '../explanation.ts';
import { NotClosed, type Closure, type Wanted } from './closure.ts';
import { canMix } from './install.ts';
import { evaluateMarker } from './recognise/markers.ts';
import type { Requirement } from './recognise/request.ts';
import { whyNotServed } from './refusals.ts';
import { Search } from './search.ts';
import { understand, type Understood } from './understand.ts';

/** Says what `install` would do with the same context, and does none of it: nothing is placed, pulled, touched or spooled. */
export async function explain(context: InstallContext): Promise<Explanation> {
  const understood = understand(context);
  if ('leftToPip' in understood) return { decision: 'tool', why: understood.leftToPip, requirements: [] };
  const refusal = whyNotServed(understood);
  try {
    const search = new Search(context, understood);
    if (refusal !== undefined) return { decision: 'tool', why: refusal, requirements: alone(understood, search) };
    return await explainSet(context, understood, search);
  } catch (error) {
    if (!(error instanceof NotClosed)) throw error;
    return { decision: 'tool', why: error.message, requirements: [] };
  }
}

async function explainSet(context: InstallContext, understood: Understood, search: Search): Promise<Explanation> {
  try {
    const closure = await withStore(context, search, search.close());
    const requirements = [...closure.wanted.values()].map((wanted) => explainMember(wanted, closure, search));
    if (closure.missing.length === 0) return { decision: 'served', why: 'everything is there', requirements };
    const missing = `${closure.missing.length} of ${closure.wanted.size} packages ${closure.missing.length === 1 ? 'is' : 'are'} not cached`;
    return { decision: canMix(closure, understood, context) ? 'mixed' : 'tool', why: missing, requirements };
  } catch (error) {
    const notClosed = error instanceof NotClosed || (error instanceof PkgCacheError && error.code === 'UNRECOGNISED');
    if (!notClosed) throw error;
    return { decision: 'tool', why: error.message, requirements: alone(understood, search) };
  }
}

async function withStore(context: InstallContext, search: Search, closure: Closure): Promise<Closure> {
  const remote = closure.missing.length === 0 ? undefined : await context.openRemote();
  if (!remote) return closure;
  try {
    return await search.findRemotely(remote, closure);
  } finally {
    const problem = remote.problem();
    if (problem) context.printError(`pkg-cache: ${problem.message}\n`);
    remote.close();
  }
}

function explainMember(wanted: Wanted, closure: Closure, search: Search): Explained {
  const { name, displayName, pin, requirement, dependencyOf } = wanted;
  const line = requirement.line === '' ? `${displayName}==${pin}` : requirement.line;
  const from = dependencyOf === undefined ? '' : `, which ${dependencyOf} needs`;
  const installed = closure.satisfied.get(name);
  if (installed) return { requirement: line, outcome: 'installed', why: `${installed.version} is in the environment${from}` };
  const entry = closure.entries.get(name);
  if (entry) return { requirement: line, ...hit(search.sourceOf(entry), entry.archive.filename, from) };
  return { requirement: line, outcome: 'miss', why: `${search.whyMissing(wanted) ?? 'neither in the local cache nor in the store'}${from}` };
}

function hit(source: 'cached' | 'store', archive: string, from: string): Pick<Explained, 'outcome' | 'why'> {
  return source === 'cached' ? { outcome: 'local', why: `in the local cache, from ${archive}${from}` } : { outcome: 'store', why: `in the store, from ${archive}${from}` };
}

/** Each requirement by itself, where the set as a whole is left to pip. */
function alone({ request, python }: Understood, search: Search): Explained[] {
  const here = request.requirements.filter(({ marker }) => !marker || evaluateMarker(marker, python.markers, []));
  return here.map((requirement) => explainAlone(requirement, search));
}

function explainAlone(requirement: Requirement, search: Search): Explained {
  const { name, pin, line, unsupported } = requirement;
  if (unsupported !== undefined) return { requirement: line, outcome: 'left', why: unsupported };
  if (pin === undefined) return { requirement: line, outcome: 'left', why: 'it is not pinned with ==' };
  const wanted = { name, pin, requirement };
  const entry = search.find(wanted);
  if (entry) return { requirement: line, ...hit(search.sourceOf(entry), entry.archive.filename, '') };
  return { requirement: line, outcome: 'miss', why: search.whyMissing(wanted) ?? 'not in the local cache' };
}
