import { entryId, type EntryKey } from '../cache/entry.ts';
import type { Decision, InstallContext } from '../context.ts';
import type { MissReason } from '../stats/record.ts';
import { builtDetails } from './built/details.ts';
import { captureTree, type Captured, type NotCaptured } from './capture.ts';
import type { CollectDetails } from './collect.ts';
import { keyOf, whyNotServed } from './eligible.ts';
import type { Report } from './inside/plan.ts';
import { runWithCache, type Ran } from './inside/run.ts';
import { isInstalled, withoutCredentials } from './lockfile.ts';
import { announceSources } from './output.ts';
import { readAgain, readProject, type Project } from './project.ts';
import type { NpmRequest } from './recognise/request.ts';

/** What is left to npm, and why. */
export interface Left {
  readonly project: Project | undefined;
  readonly key: EntryKey | undefined;
  readonly why: MissReason;
}

/** The real npm; afterwards, if it succeeds, what it has brought and made is collected. */
export async function runNpm(context: InstallContext, request: NpmRequest, { project: before, key, why }: Left): Promise<Decision> {
  const began = Date.now();
  if (why === 'not cached' && key) context.announce(entryId(key));
  const ran = before && (await runWithCache(context, request, before));
  const outcome = ran?.outcome ?? (await context.runTool(context.env));
  noteRun(context, { project: before, why }, ran);
  if ('code' in outcome && outcome.code === 0) {
    if (ran) announceSources(request, ran.sources, context);
    tryToCollect(context, request, { before, key }, ran?.report, Date.now() - began);
  }
  return { kind: 'exit', outcome };
}

function noteRun(context: InstallContext, { project, why }: Pick<Left, 'project' | 'why'>, ran: Ran | undefined): void {
  const { fromCache: local, fromStore: store } = ran?.sources ?? { fromCache: 0, fromStore: 0 };
  const all = [...(project?.lock.packages.keys() ?? [])].filter(isInstalled).length;
  context.note({ why, local, store, missed: Math.max(0, all - local - store), bytes: 0, ids: [] });
}

function treeDetails(key: EntryKey | undefined, captured: Captured | NotCaptured | undefined): Pick<CollectDetails, 'tree' | 'treeSkipped'> {
  if (captured && 'whyNot' in captured) return { tree: undefined, treeSkipped: captured.whyNot };
  return { tree: key && captured && { key, captured } };
}

/** npm is through, and has succeeded: whatever goes wrong here must not show. */
function tryToCollect(context: InstallContext, request: NpmRequest, { before, key }: { readonly before: Project | undefined; readonly key: EntryKey | undefined }, report: Report | undefined, elapsed: number): void {
  try {
    const project = before ? readAgain(before) : readProject(request.prefix);
    const { npmVersion, nodeVersion, cache: npmCache } = request;
    // An npm that has changed the project would not do the same the next time.
    const repeatable = keyOf(project, request).version === key?.version && whyNotServed(request, project) === undefined;
    const captured = repeatable ? captureTree(project, request, report) : undefined;
    const details: CollectDetails = { npmCache, lock: withoutCredentials(project.lock.text), registries: { ...(request.registry !== undefined && { registry: request.registry }), scopes: [...request.scopes] }, npmVersion, nodeVersion, ...treeDetails(key, captured), built: report && builtDetails(context, request, project, report) };
    context.collectAfterwards(details, elapsed);
  } catch {
    // A project that only npm can read, or a node_modules without a hidden lockfile.
  }
}
