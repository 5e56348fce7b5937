import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import gte from 'semver/functions/gte.js';
import type { InstallContext, Outcome } from '../../context.ts';
import type { PackageEntry } from '../entry.ts';
import { builtKeys, findBuilt, ingredientsAt, pullBuilt, replacing, type BuiltEntry, type Conditions } from '../built/find.ts';
import { feed } from '../feed.ts';
import { findPackages, tellProblem, wantedPackages, type Wanted } from '../packages.ts';
import { pullPackages } from '../pull.ts';
import { scriptPolicy, withScripts } from '../script-policy.ts';
import type { Project } from '../project.ts';
import type { NpmRequest } from '../recognise/request.ts';
import type { Sources } from '../output.ts';
import { OLDEST_NODE } from './oldest-node.ts';
import { parseReport, type Plan, type Report } from './plan.ts';

/** How an npm ended, and what was seen of it. */
export interface Ran {
  readonly outcome: Outcome;
  readonly report: Report | undefined;
  /** Packages that npm did not have to fetch. */
  readonly sources: Sources;
}

/** Runs the real npm with what the cache and the store have of the project. */
export async function runWithCache(context: InstallContext, request: NpmRequest, project: Project): Promise<Ran> {
  const { found, missing } = findPackages(context.cache, wantedPackages(project.lock, request, context.policy));
  const pulled = await pullMissing(context, request, project, missing);
  const plan = gte(request.nodeVersion, OLDEST_NODE) ? makePlan(context, request, project, [...found, ...pulled]) : undefined;
  const file = plan && writePlan(context, plan);
  if (!plan || file === undefined) {
    feed(context.cache, project.lock, request.cache);
    return { outcome: await context.runTool(context.env), report: undefined, sources: { fromCache: 0, fromStore: 0 } };
  }
  try {
    const outcome = await context.runTool(context.env, { node: request.scriptEnv['NODE'] ?? '', plan: file });
    const report = readReport(plan.report);
    const placed = report?.placed ?? 0;
    const fromStore = Math.min(pulled.size, placed);
    return { outcome, report, sources: { fromStore, fromCache: placed - fromStore } };
  } finally {
    for (const path of [file, plan.report]) rmSync(path, { force: true });
  }
}

function makePlan(context: InstallContext, request: NpmRequest, project: Project, packages: readonly (readonly [integrity: string, entry: PackageEntry])[]): Plan | undefined {
  const { cache, env, owner } = context;
  const report = context.newReport();
  if (report === undefined) return undefined;
  // Who wants to see what scripts print has them run.
  const built = request.foregroundScripts ? [] : builtOf({ request, env, cache }, project);
  return {
    cacheDir: dirname(cache.root),
    umask: owner.umask | request.umask,
    npmCache: request.cache,
    prefix: request.prefix,
    packages: Object.fromEntries(packages.map(([integrity, { id }]) => [integrity, id])),
    built: Object.fromEntries([...built].map(([location, { id }]) => [location, id])),
    report,
  };
}

/** Entries that can stand for a run of install scripts. */
function builtOf(conditions: Conditions, project: Project): Map<string, BuiltEntry> {
  const ingredients = ingredientsAt(withScripts(scriptPolicy(project), conditions.request), project.lock);
  return replacing(findBuilt(conditions.cache, builtKeys(ingredients, conditions)), ingredients, conditions);
}

function writePlan(context: InstallContext, plan: Plan): string | undefined {
  const path = context.newReport();
  try {
    if (path !== undefined) writeFileSync(path, JSON.stringify(plan), { mode: 0o600 });
    return path;
  } catch {
    return undefined; // A full disk: npm will say so.
  }
}

function readReport(path: string): Report | undefined {
  try {
    return parseReport(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/** How many packages are asked for before it is clear whether the store knows the project at all. */
const SAMPLE = 16;

/** What of the missing packages could be pulled, by integrity. */
async function pullMissing(context: InstallContext, request: NpmRequest, project: Project, missing: readonly Wanted[]): Promise<ReadonlyMap<string, PackageEntry>> {
  const remote = missing.length === 0 ? undefined : await context.openRemote();
  if (!remote) return new Map();
  try {
    const [sample, rest] = split(missing);
    const first = await pullPackages(context, remote, sample);
    if (first.size === 0) return first;
    const others = await pullPackages(context, remote, rest);
    const ingredients = ingredientsAt(withScripts(scriptPolicy(project), request), project.lock);
    const conditions = { request, env: context.env, cache: context.cache };
    await pullBuilt(context, remote, builtKeys(ingredients, conditions), ingredients, conditions);
    return new Map([...first, ...others]);
  } finally {
    tellProblem(remote, request, context.printError);
    remote.close();
  }
}

/** Some from all over the list, and the others. */
function split(wanted: readonly Wanted[]): [sample: Wanted[], rest: Wanted[]] {
  const step = Math.max(1, Math.floor(wanted.length / SAMPLE));
  const inSample = (index: number): boolean => index % step === 0;
  return [wanted.filter((_, index) => inSample(index)), wanted.filter((_, index) => !inSample(index))];
}
