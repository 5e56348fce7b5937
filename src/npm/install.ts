import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { EntryKey } from '../cache/entry.ts';
import { EXEC, type Decision, type InstallContext } from '../context.ts';
import { PkgCacheError } from '../errors.ts';
import { captureTree } from './capture.ts';
import type { CollectDetails } from './collect.ts';
import { treeKey } from './entry.ts';
import { factsOf } from './facts.ts';
import { builtDetails } from './built/details.ts';
import type { Report } from './inside/plan.ts';
import { runWithCache } from './inside/run.ts';
import { announceSources, whyNotPrinted } from './output.ts';
import { platformOf } from './platform.ts';
import { fingerprint, readProject, type Project } from './project.ts';
import { recogniseNpm } from './recognise/argv.ts';
import type { NpmRequest } from './recognise/request.ts';
import { serve } from './serve.ts';

/**
 * The path of an `npm ci`, and of an `npm install` that would change nothing but node_modules.
 *
 * A project in a state in which npm has been seen to succeed is served: its tree is put together from the entries of its packages. Otherwise
 * the real npm does it, and finds the tarballs that are here in its own cache. What it has made is looked at as soon as it ends, and cached in
 * the background.
 */
export async function install(context: InstallContext): Promise<Decision> {
  const started = Date.now();
  const facts = unlessUnrecognised(() => factsOf(context.tool, context.env));
  if (!facts) return leave(context, "it is not npm's own script");
  const recognition = recogniseNpm(context.argv, facts, context);
  if (recognition.kind === 'other') return EXEC;
  if (recognition.kind === 'passthrough' && !recognition.observe) return leave(context, recognition.reason);
  const { request } = recognition;
  const project = unlessUnrecognised(() => readProject(request.prefix));
  const key = project && keyOf(project, request);
  const reason = recognition.kind === 'passthrough' ? recognition.reason : whyNotServed(request, project);
  if (reason === undefined && project && key && (await serve({ context, request, project, key, started }))) return { kind: 'exit', outcome: { code: 0 } };
  if (context.role === 'shielded') return EXEC;
  return context.role === 'aside' ? { kind: 'continue' } : await runNpm(context, request, project, key);
}

function leave(context: InstallContext, reason: string): Decision {
  if (context.argv.some((argument) => /^(?:-d+|--verbose|--loglevel=verbose)$/.test(argument))) context.printError(`pkg-cache: left to npm: ${reason}\n`);
  return EXEC;
}

/** What `read` returns; undefined where it comes upon something that only npm knows what to make of. */
function unlessUnrecognised<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof PkgCacheError && error.code === 'UNRECOGNISED') return undefined;
    throw error;
  }
}

function keyOf(project: Project, request: NpmRequest): EntryKey {
  const platform = platformOf(request);
  return treeKey(fingerprint(project, request, platform), platform);
}

function whyNotServed(request: NpmRequest, project: Project | undefined): string | undefined {
  if (!project) return 'only npm can read the project';
  if (request.force) return 'option force';
  if (!request.ignoreScripts && project.hasScripts) return 'the project has scripts of its own';
  if (request.command === 'install' && project.roots.some((root) => hasModules(join(project.directory, root)))) return 'there is something in node_modules';
  return whyNotPrinted(request);
}

function hasModules(directory: string): boolean {
  const path = join(directory, 'node_modules');
  return existsSync(path) && readdirSync(path).length > 0;
}

/** The real npm; afterwards, if it succeeds, what it has brought and made is collected. */
async function runNpm(context: InstallContext, request: NpmRequest, before: Project | undefined, key: EntryKey | undefined): Promise<Decision> {
  const ran = before && (await runWithCache(context, request, before));
  const outcome = ran?.outcome ?? (await context.runTool(context.env));
  if ('code' in outcome && outcome.code === 0) {
    if (ran) announceSources(request, ran.sources, context);
    tryToCollect(context, request, key, ran?.report);
  }
  return { kind: 'exit', outcome };
}

/** npm is through, and has succeeded: whatever goes wrong here must not show. */
function tryToCollect(context: InstallContext, request: NpmRequest, key: EntryKey | undefined, report: Report | undefined): void {
  try {
    const project = readProject(request.prefix);
    const { npmVersion, nodeVersion, cache: npmCache } = request;
    // An npm that has changed the project would not do the same the next time.
    const repeatable = keyOf(project, request).version === key?.version && whyNotServed({ ...request, command: 'ci' }, project) === undefined;
    const captured = repeatable ? captureTree(project, request, report) : undefined;
    const details: CollectDetails = { npmCache, lock: project.lock.text, npmVersion, nodeVersion, tree: key && captured && { key, captured }, built: report && builtDetails(context, request, project, report) };
    context.collectAfterwards(details);
  } catch {
    // A project that only npm can read, or a node_modules without a hidden lockfile.
  }
}
