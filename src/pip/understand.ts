import { isAbsolute, join, resolve } from 'node:path';
import { PkgCacheError } from '../errors.ts';
import type { CollectDetails } from './collect/job.ts';
import type { InstallContext } from '../context.ts';
import { builtPlatform, wheelPlatform } from './platform.ts';
import { describeEnvironment, factsOf, pipOf, sitePathsOf, userBase, type Memory, type PythonEnvironment } from './python/environment.ts';
import { interpreterNamed, interpreterOf, type Interpreter } from './python/interpreter.ts';
import { layoutFor, type Destination, type Layout } from './python/schemes.ts';
import { recognise } from './recognise/argv.ts';
import { originFingerprint } from './recognise/origin.ts';
import type { Recognition, Request } from './recognise/request.ts';
import { whyNotObserved } from './refusals.ts';

/** An install command, and all that it depends on. */
export interface Understood {
  readonly request: Request;
  readonly python: PythonEnvironment;
  /** The interpreter that runs the pip that was called; `--python` may name another one to install for. */
  readonly caller: Interpreter;
  readonly destination: Destination;
  readonly layoutOf: (distribution: string) => Layout;
  /** The platforms of entries from wheels, and of those built from sdists here. */
  readonly platform: string;
  readonly builtPlatform: string;
  readonly origin: string;
  /** Why the set may not be served, although what the real pip brings may be cached; undefined if it may. */
  readonly notServed: string | undefined;
}

/** A command that is the real pip's alone, and why. */
export interface LeftToPip {
  readonly leftToPip: string;
  /** It is an install, or may be one. */
  readonly isInstall: boolean;
}

/** Recognises the command and asks the interpreter, or says why neither is possible. Never throws UNRECOGNISED. */
export function understand(context: InstallContext): Understood | LeftToPip {
  try {
    return understandOrThrow(context);
  } catch (error) {
    if (error instanceof PkgCacheError && error.code === 'UNRECOGNISED') return { leftToPip: error.message, isInstall: true };
    throw error;
  }
}

function understandOrThrow(context: InstallContext): Understood | LeftToPip {
  if (!isText(context)) return { leftToPip: 'something is not UTF-8', isInstall: true };
  const memory: Memory = (name) => context.cache.path(name);
  const own = interpreterOf(context.tool, context.env);
  const ownFacts = factsOf(own, memory, context.env);
  const { recognition, interpreter } = recogniseFor(context, own, own.venv ?? ownFacts.prefix, memory);
  if (recognition.kind === 'other') return { leftToPip: 'not an install', isInstall: false };
  if (recognition.kind === 'passthrough' && !recognition.observe) return { leftToPip: recognition.reason, isInstall: true };

  const { request } = recognition;
  const facts = interpreter === own ? ownFacts : factsOf(interpreter, memory, context.env);
  const ownSites = sitePathsOf(own, ownFacts, context);
  const sites = interpreter === own ? ownSites : sitePathsOf(interpreter, facts, context);
  const python = describeEnvironment(interpreter, facts, pipOf(own, ownSites, context.env, memory), sites);
  const origin = originFingerprint(request);
  const refusal = whyNotObserved(request, python, context.env, origin.credentialed);
  if (refusal !== undefined) return { leftToPip: refusal, isInstall: true };

  const destination = destinationOf(request, python, context);
  const root = request.root === undefined ? undefined : resolve(context.cwd, request.root);
  const layoutOf = (distribution: string): Layout => layoutFor(facts, interpreter, destination, distribution, root);
  const platform = wheelPlatform(facts, { compile: request.compile, scheme: layoutOf('').actual });
  const notServed = recognition.kind === 'passthrough' ? recognition.reason : undefined;
  return { request, python, caller: own, destination, layoutOf, platform, builtPlatform: builtPlatform(platform), origin: origin.id, notServed };
}

/** Bytes that are no UTF-8 have been replaced before we got to see them: a path that holds some would be another one. */
function isText({ tool, argv, cwd, home, env }: InstallContext): boolean {
  const relevant = Object.entries(env).filter(([name]) => /^(?:PIP_|PYTHON|XDG_|PATH$)/.test(name));
  return ![tool, cwd, home, ...argv, ...relevant.map(([, value]) => value ?? '')].some((text) => text.includes('\ufffd'));
}

/** With `--python`, pip runs itself again under that interpreter, which then reads the configuration of its own prefix. */
function recogniseFor(context: InstallContext, own: Interpreter, sitePrefix: string, memory: Memory): { recognition: Recognition; interpreter: Interpreter } {
  const { env, cwd, home, platform } = context;
  const first = recognise([...context.argv], { env, cwd, home, platform, sitePrefix });
  const named = 'request' in first ? first.request.python : undefined;
  if (named === undefined) return { recognition: first, interpreter: own };
  const interpreter = interpreterNamed(named, cwd);
  const recognition = recognise([...context.argv], { env, cwd, home, platform, sitePrefix: interpreter.venv ?? factsOf(interpreter, memory, env).prefix });
  return { recognition, interpreter };
}

function destinationOf(request: Request, python: PythonEnvironment, { cwd, env, home }: InstallContext): Destination {
  if (request.target !== undefined) return { kind: 'target', directory: resolve(cwd, request.target) };
  if (request.prefix !== undefined) return { kind: 'prefix', directory: resolve(cwd, request.prefix) };
  if (!request.user) return { kind: 'environment' };
  const base = userBase(python.facts, env, home);
  if (!isAbsolute(base)) throw new PkgCacheError('UNRECOGNISED', 'PYTHONUSERBASE is not absolute');
  return { kind: 'user', userBase: join(base) };
}

/** What has to be remembered to snapshot what the real pip brings. */
export function collectDetails(understood: Understood, report: string): CollectDetails {
  const { request, python, layoutOf, platform, builtPlatform: built, origin } = understood;
  return {
    report,
    layout: layoutOf('@DIST@'),
    platform,
    builtPlatform: built,
    origin,
    executable: python.interpreter.executable,
    cacheTag: python.facts.cacheTag,
    magic: python.facts.magic,
    sources: sourcesOf(request),
    buildOptions: request.buildOptions,
    narrow: chosenNarrowly(request),
  };
}

/** pip/_internal/models/index.py. */
const PYPI = 'https://pypi.org/simple';

/** The indexes that a request may take from, for rules about them. A URL with a credential never gets here. */
export function sourcesOf({ index }: Request): string[] {
  return [...(index.noIndex ? [] : [index.indexUrl ?? PYPI, ...index.extraIndexUrls]), ...index.findLinks];
}

/**
 * `==1.0` takes 1.0+cpu if there is one (PEP 440, local versions), but what `===1.0` or `!=1.0+cpu` brought is 1.0 itself: to cache that
 * for `==1.0` would be to guess.
 */
function chosenNarrowly({ requirements, constraints }: Request): string[] {
  return [...requirements, ...constraints].filter(({ specifiers }) => /===|!=[^,]*\+/.test(specifiers)).map(({ name }) => name);
}
