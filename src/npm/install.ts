import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { entryId, type EntryKey } from '../cache/entry.ts';
import { EXEC, type Decision, type InstallContext } from '../context.ts';
import { PkgCacheError } from '../errors.ts';
import { captureTree } from './capture.ts';
import type { CollectDetails } from './collect.ts';
import { treeKey } from './entry.ts';
import { factsOf } from './facts.ts';
import { builtDetails } from './built/details.ts';
import { withScripts } from './built/find.ts';
import type { Report } from './inside/plan.ts';
import { runWithCache, type Ran } from './inside/run.ts';
import { helperFor } from './helper.ts';
import { isInstalled, withoutCredentials } from './lockfile.ts';
import { announceSources, whyNotPrinted } from './output.ts';
import { untilItFails, whyNotCachable } from './packages.ts';
import { whatIsPassedOn } from '../place/passed-on.ts';
import { platformOf } from './platform.ts';
import { confirmProject, fingerprint, guessProject, readProject, type Project } from './project.ts';
import { isPrepared } from './prepared.ts';
import { recogniseNpm } from './recognise/argv.ts';
import type { NpmRequest } from './recognise/request.ts';
import type { MissReason } from '../stats/record.ts';
import { serve, serveAgain } from './serve.ts';

/**
 * The path of an `npm ci`, and of an `npm install` that would change nothing but node_modules.
 *
 * A project in a state in which npm has been seen to succeed is served: its tree is put together from the entries of its packages. Otherwise
 * the real npm does it, and unpacks from the cache what is there (inside/). What it has made is looked at as soon as it ends, and cached in
 * the background.
 */
export async function install(given: InstallContext): Promise<Decision> {
  const started = Date.now();
  const context = untilItFails(given);
  const recognised = recognise(context);
  if ('leftToNpm' in recognised) return recognised.isInstall ? leave(context, recognised.leftToNpm) : EXEC;
  const guess = guessed(recognised.request);
  if (guess && (await isServedAgain(context, recognised, { ...guess, started }))) return { kind: 'exit', outcome: { code: 0 } };
  // It starts while the lockfile is read.
  const helper = guess && recognised.passedOn === undefined ? helperFor(context.cache, guess.key) : undefined;
  const { request, project, key, notServed } = considerProject(context, recognised, guess);
  if (notServed === undefined && project && key && (await serve({ context, request, project, key, started, helper }))) return { kind: 'exit', outcome: { code: 0 } };
  helper?.close();
  if (context.role === 'aside') return { kind: 'continue' };
  const why: MissReason = notServed === undefined ? 'not cached' : 'options';
  return await runNpm(context, request, { project, key, why });
}

/** A command that is the real npm's alone, and why. */
interface LeftToNpm {
  readonly leftToNpm: string;
  /** It is an install, or may be one. */
  readonly isInstall: boolean;
}

/** An install, and what is known of it before anything is looked up. */
export interface Considered {
  readonly request: NpmRequest;
  /** Undefined where only npm can read the project. */
  readonly project: Project | undefined;
  /** Of the tree that npm would make. */
  readonly key: EntryKey | undefined;
  /** Why npm has to do it, though what it brings may be cached; undefined if there is no reason. */
  readonly notServed: string | undefined;
}

/** An install. */
interface Recognised {
  readonly request: NpmRequest;
  /** Why npm has to do it, whatever the project. */
  readonly passedOn: string | undefined;
}

/** Recognises a command, and reads the project that it is for. */
export function consider(context: InstallContext): Considered | LeftToNpm {
  const recognised = recognise(context);
  return 'leftToNpm' in recognised ? recognised : considerProject(context, recognised, guessed(recognised.request));
}

function recognise(context: InstallContext): Recognised | LeftToNpm {
  const facts = unlessUnrecognised(() => factsOf(context.tool, context.env));
  if (!facts) return { leftToNpm: "it is not npm's own script", isInstall: true };
  const recognition = recogniseNpm(context.argv, facts, context);
  if (recognition.kind === 'other') return { leftToNpm: 'not an install', isInstall: false };
  if (recognition.kind === 'passthrough' && !recognition.observe) return { leftToNpm: recognition.reason, isInstall: true };
  return { request: recognition.request, passedOn: recognition.kind === 'passthrough' ? recognition.reason : undefined };
}

/** A project whose lockfile is unread, and the tree that npm would make of it if it is what it seems to be. */
interface Guess {
  readonly project: Project;
  readonly key: EntryKey;
}

/** Undefined where only npm can read the project. */
function guessed(request: NpmRequest): Guess | undefined {
  const project = unlessUnrecognised(() => guessProject(request.prefix));
  return project && { project, key: keyOf(project, request) };
}

function considerProject({ policy }: InstallContext, { request, passedOn }: Recognised, guess: Guess | undefined): Considered {
  const project = guess && unlessUnrecognised(() => confirmProject(guess.project));
  const notServed = passedOn ?? whyNotServed(request, project) ?? (project && (whyNotReplaced(request, project) ?? whyNotCachable(project.lock, request, policy)));
  return { request, project, key: project && (project === guess.project ? guess.key : keyOf(project, request)), notServed };
}

/** Most installs are of a project that is as it was the last time: then its lockfile, which may say a lot, need not be understood again. Rules want to know what is in it. */
async function isServedAgain(context: InstallContext, { request, passedOn }: Recognised, guess: Guess & { readonly started: number }): Promise<boolean> {
  const { project, key } = guess;
  if (passedOn !== undefined || request.foregroundScripts || !context.policy.isEmpty || !isPrepared(context.cache, context.owner, key)) return false;
  if ((whyNotServed(request, project) ?? whyNotReplaced(request, project)) !== undefined) return false;
  return await serveAgain({ context, request, ...guess });
}

const NOTHING = { local: 0, store: 0, missed: 0, bytes: 0, ids: [] };

function leave(context: InstallContext, reason: string): Decision {
  context.note({ ...NOTHING, why: 'not recognised' });
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
  if (request.foregroundScripts && withScripts(project.lock, request).length > 0) return 'install scripts are to be seen';
  return whyNotPrinted(request);
}

/** npm looks at what is there, but for what `npm ci` removes first; and it does not want links in the place of node_modules. What is made here has what its directory passes on. */
function whyNotReplaced({ command }: NpmRequest, { directory, roots, emptied }: Project): string | undefined {
  for (const root of roots) {
    const path = join(directory, root, 'node_modules');
    const stat = lstatSync(path, { throwIfNoEntry: false });
    const passedOn = stat?.isDirectory() === false ? undefined : whatIsPassedOn(stat ? path : join(directory, root));
    if (passedOn !== undefined) return `${join(directory, root)} passes ${passedOn} on`;
    if (!stat) continue;
    if (!stat.isDirectory()) return `${path} is no directory`;
    if ((command === 'install' || !emptied.has(root)) && readdirSync(path).length > 0) return `there is something in ${path}`;
  }
  return undefined;
}

/** What is left to npm, and why. */
interface Left {
  readonly project: Project | undefined;
  readonly key: EntryKey | undefined;
  readonly why: MissReason;
}

/** The real npm; afterwards, if it succeeds, what it has brought and made is collected. */
async function runNpm(context: InstallContext, request: NpmRequest, { project: before, key, why }: Left): Promise<Decision> {
  const began = Date.now();
  if (why === 'not cached' && key) context.announce(entryId(key));
  const ran = before && (await runWithCache(context, request, before));
  const outcome = ran?.outcome ?? (await context.runTool(context.env));
  noteRun(context, { project: before, why }, ran);
  if ('code' in outcome && outcome.code === 0) {
    if (ran) announceSources(request, ran.sources, context);
    tryToCollect(context, request, key, ran?.report, Date.now() - began);
  }
  return { kind: 'exit', outcome };
}

function noteRun(context: InstallContext, { project, why }: Pick<Left, 'project' | 'why'>, ran: Ran | undefined): void {
  const { fromCache: local, fromStore: store } = ran?.sources ?? { fromCache: 0, fromStore: 0 };
  const all = [...(project?.lock.packages.keys() ?? [])].filter(isInstalled).length;
  context.note({ ...NOTHING, why, local, store, missed: Math.max(0, all - local - store) });
}

/** npm is through, and has succeeded: whatever goes wrong here must not show. */
function tryToCollect(context: InstallContext, request: NpmRequest, key: EntryKey | undefined, report: Report | undefined, elapsed: number): void {
  try {
    const project = readProject(request.prefix);
    const { npmVersion, nodeVersion, cache: npmCache } = request;
    // An npm that has changed the project would not do the same the next time.
    const repeatable = keyOf(project, request).version === key?.version && whyNotServed(request, project) === undefined;
    const captured = repeatable ? captureTree(project, request, report) : undefined;
    const details: CollectDetails = { npmCache, lock: withoutCredentials(project.lock.text), registries: { ...(request.registry !== undefined && { registry: request.registry }), scopes: [...request.scopes] }, npmVersion, nodeVersion, tree: key && captured && { key, captured }, built: report && builtDetails(context, request, project, report) };
    context.collectAfterwards(details, elapsed);
  } catch {
    // A project that only npm can read, or a node_modules without a hidden lockfile.
  }
}
