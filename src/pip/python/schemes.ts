import { join } from 'node:path';
import { PkgCacheError } from '../../errors.ts';
import type { InterpreterFacts, Scheme, SysconfigScheme } from './facts.ts';
import type { Interpreter } from './interpreter.ts';

/** Where an install goes. All directories are absolute. */
export type Destination =
  | { readonly kind: 'environment' }
  | { readonly kind: 'user'; readonly userBase: string }
  | { readonly kind: 'prefix'; readonly directory: string }
  | { readonly kind: 'target'; readonly directory: string };

/**
 * The directories of an install. `recorded` is what RECORD's paths are relative to; it differs from `actual` only for `--target`,
 * where pip installs into a temporary home and moves the results.
 */
export interface Layout {
  readonly actual: Scheme;
  readonly recorded: Scheme;
}

/**
 * pip's get_scheme (pip/_internal/locations/_sysconfig.py) for a distribution called `dist`, with `--root` applied.
 * Throws UNRECOGNISED where this interpreter's pip could not be asked.
 */
export function layoutFor(facts: InterpreterFacts, interpreter: Interpreter, destination: Destination, dist: string, root?: string): Layout {
  if (destination.kind === 'target') return targetLayout(facts, interpreter, destination.directory, dist);
  const scheme = schemeFor(facts, interpreter, destination, dist);
  const rooted = root === undefined ? scheme : mapScheme(scheme, (path) => join(root, path));
  return { actual: rooted, recorded: rooted };
}

function schemeFor(facts: InterpreterFacts, interpreter: Interpreter, destination: Exclude<Destination, { kind: 'target' }>, dist: string): Scheme {
  switch (destination.kind) {
    case 'environment':
      return interpreter.venv === undefined ? askedScheme(facts, 'base', '', dist) : venvScheme(facts, interpreter.venv, dist);
    case 'prefix':
      return interpreter.venv === undefined
        ? askedScheme(facts, 'prefix', destination.directory, dist)
        : venvScheme(facts, destination.directory, dist);
    case 'user': {
      if (!facts.userScheme) throw new PkgCacheError('UNRECOGNISED', 'this Python has no user scheme');
      const filled = fill(facts.userScheme, '/@USERBASE@', destination.userBase);
      return withHeaders(filled, join(filled.include, dist));
    }
  }
}

function venvScheme(facts: InterpreterFacts, base: string, dist: string): Scheme {
  return withHeaders(fill(facts.venvScheme, '/@BASE@', base), join(base, siteHeaders(facts), dist));
}

/** pip's own directory for headers in virtual environments. */
function siteHeaders(facts: InterpreterFacts): string {
  return join('include', 'site', `python${facts.version[0]}.${facts.version[1]}`);
}

function askedScheme(facts: InterpreterFacts, which: 'base' | 'prefix', base: string, dist: string): Scheme {
  if (!facts.pipSchemes) throw new PkgCacheError('UNRECOGNISED', `${facts.executable} has no pip to ask for its directories`);
  return mapScheme(facts.pipSchemes[which], (path) => path.replace('/@BASE@', base).replace('@DIST@', dist));
}

function targetLayout(facts: InterpreterFacts, interpreter: Interpreter, target: string, dist: string): Layout {
  const home = '/home';
  const filled = fill(facts.homeScheme, '/@BASE@', home);
  const headers = interpreter.venv === undefined ? join(filled.include, dist) : join(home, siteHeaders(facts), dist);
  const recorded = withHeaders(filled, headers);
  const move = (path: string): string => {
    for (const lib of [recorded.purelib, recorded.platlib, home]) {
      if (path === lib || path.startsWith(`${lib}/`)) return join(target, path.slice(lib.length));
    }
    throw new PkgCacheError('UNRECOGNISED', `${path} is outside of the home scheme`);
  };
  return { recorded, actual: mapScheme(recorded, move) };
}

/** Whether what is installed is moved to where it belongs afterwards, as pip does it for `--target`. */
export function isMoved({ actual, recorded }: Layout): boolean {
  return actual.data !== recorded.data;
}

/**
 * Whether pip leaves a name at the top level of the data directory behind when it moves things to a `--target`: any that the path of a
 * library directory goes on from, such as `lib` (pip/_internal/commands/install.py, _handle_target_dir).
 */
export function isLeftBehind(layout: Layout, name: string): boolean {
  const { purelib, platlib, data } = layout.recorded;
  return isMoved(layout) && [purelib, platlib].some((lib) => lib.startsWith(join(data, name)));
}

function fill(scheme: SysconfigScheme, placeholder: string, base: string): SysconfigScheme {
  const put = (path: string): string => path.replace(placeholder, base);
  return {
    purelib: put(scheme.purelib),
    platlib: put(scheme.platlib),
    include: put(scheme.include),
    scripts: put(scheme.scripts),
    data: put(scheme.data),
  };
}

function withHeaders({ purelib, platlib, scripts, data }: SysconfigScheme, headers: string): Scheme {
  return { purelib, platlib, headers, scripts, data };
}

function mapScheme(scheme: Scheme, change: (path: string) => string): Scheme {
  return {
    purelib: change(scheme.purelib),
    platlib: change(scheme.platlib),
    headers: change(scheme.headers),
    scripts: change(scheme.scripts),
    data: change(scheme.data),
  };
}
