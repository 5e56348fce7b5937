import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { entryId, type EntryKey } from '../cache/entry.ts';
import { EXEC, type Decision, type InstallContext } from '../context.ts';
import { PkgCacheError } from '../errors.ts';
import { whatIsPassedOn } from '../cache/passed-on.ts';
import type { MissReason } from '../stats/record.ts';
import { serveAgain } from './again.ts';
import { keyOf, whyNotServed } from './eligible.ts';
import { factsOf } from './facts.ts';
import { untilItFails, whyNotCachable } from './packages.ts';
import { confirmProject, guessProject, type Project } from './project.ts';
import { isPrepared } from './prepared.ts';
import { recogniseNpm } from './recognise/argv.ts';
import type { NpmRequest } from './recognise/request.ts';

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
  if (context.role === 'aside' && guess && isNew(context, guess)) return { kind: 'continue' };
  const { serve, helperFor } = await import('./serve.ts');
  // It starts while the lockfile is read.
  const helper = guess && recognised.passedOn === undefined && !isPrepared(context.cache, context.owner, guess.key) ? helperFor(context, guess.key) : undefined;
  const { request, project, key, notServed } = considerProject(context, recognised, guess);
  try {
    if (notServed === undefined && project && key && (await serve({ context, request, project, key, started }, helper))) return { kind: 'exit', outcome: { code: 0 } };
  } finally {
    helper?.close();
  }
  if (context.role === 'aside') return { kind: 'continue' };
  const why: MissReason = notServed === undefined ? 'not cached' : 'options';
  const { runNpm } = await import('./run-npm.ts');
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
  const { request } = recognition;
  return { request, passedOn: recognition.kind === 'passthrough' ? recognition.reason : whyNotOwned(request, context) };
}

/** What is served has the modes of the process's umask. npm's own is for what it unpacks: what it makes besides, the packages' directories among it, and bins have the process's modes (pacote's fetcher.js, bin-links' fix-bin.js). */
function whyNotOwned({ umask }: NpmRequest, { owner }: InstallContext): string | undefined {
  return (umask & ~owner.umask) === 0 ? undefined : "npm's umask is not the process's";
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

/** Whether the worker has not seen a project in this state, so that only whoever is in charge can do something about it. With directories outside of node_modules the guess may be wrong. */
function isNew({ cache }: InstallContext, { project, key }: Guess): boolean {
  return !existsSync(cache.entryDir(entryId(key))) && !project.lock.text.includes('"link"');
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

/** npm looks at what is there, but for what `npm ci` removes first; and it does not want links in the place of node_modules. What is made where they lie has what is passed on there: in node_modules, or in the project's directory, in which trees are put together where the cache cannot do. */
function whyNotReplaced({ command }: NpmRequest, { directory, roots, emptied }: Project): string | undefined {
  for (const root of roots) {
    const parent = join(directory, root);
    const path = join(parent, 'node_modules');
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory() === false) return `${path} is no directory`;
    for (const each of stat ? [parent, path] : [parent]) {
      const passedOn = whatIsPassedOn(each);
      if (passedOn !== undefined) return `${each} passes ${passedOn} on`;
    }
    if (!stat) continue;
    if ((command === 'install' || !emptied.has(root)) && readdirSync(path).length > 0) return `there is something in ${path}`;
  }
  return undefined;
}
