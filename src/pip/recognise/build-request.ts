import { resolve } from 'node:path';
import { PkgCacheError } from '../../errors.ts';
import { pipBounds } from './bounds.ts';
import type { Context, IndexOptions, Request, Requirement } from './request.ts';
import { ON_COMMAND_LINE, readEditable, readRequirement } from './requirement-line.ts';
import { RequirementsReader } from './requirements-file.ts';
import { Sources } from './sources.ts';
import type { OptionValues } from './values.ts';

/**
 * Turns settled options and positional arguments into a request, reading the requirements and constraints files they name
 * (`RequirementCommand.get_requirements`). Throws UNRECOGNISED for what pip refuses or only pip can read.
 */
export function buildRequest(values: OptionValues, positional: readonly string[], python: string | undefined, ctx: Context): Request {
  const sources = new Sources(values, ctx.cwd, ctx.home);
  const reader = new RequirementsReader(ctx, sources, values);
  for (const file of values.list('constraints')) reader.read(file, true);
  const named = positional.map(readArgument);
  const editables = values.list('editables').map((text) => readEditable(text, ''));
  for (const file of values.list('requirements')) reader.read(file, false);
  const { requirements, constraints } = reader.collected;
  const index = sources.settle();
  refuseContradictions(values, index);
  return {
    requirements: [...named, ...editables, ...requirements],
    constraints,
    requireHashes: hashMode(values, [...named, ...requirements, ...constraints]),
    ...placement(values, python, ctx),
    ...presentation(values),
    noDeps: values.flag('noDeps') === true,
    isolated: values.flag('isolated') === true,
    ignoreRequiresPython: values.flag('ignoreRequiresPython') === true,
    index,
    buildOptions: values.uses.some(({ option }) => option.decision === 'build'),
    warnings: { once: reader.warnings, perProject: sources.warnings },
    pip: pipBounds(values.uses),
  };
}

/** Recent pips skip a blank argument, older ones refuse it. */
function readArgument(text: string): Requirement {
  if (text.trim() === '') throw new PkgCacheError('UNRECOGNISED', 'a blank argument');
  return readRequirement(text, ON_COMMAND_LINE);
}

function hashMode(values: OptionValues, requirements: readonly Requirement[]): boolean {
  if (values.flag('noRequireHashes') === true) return false;
  return values.flag('requireHashes') === true || requirements.some(({ hashes }) => Object.keys(hashes).length > 0);
}

type Placement = 'compile' | 'target' | 'prefix' | 'root' | 'user' | 'noUser' | 'python' | 'requireVirtualenv' | 'breakSystemPackages';

function placement(values: OptionValues, python: string | undefined, ctx: Context): Pick<Request, Placement> {
  const [target, prefix, root] = ['target', 'prefix', 'root'].map((dest) => values.text(dest));
  return {
    compile: values.flag('compile') !== false,
    ...(target !== undefined && { target: resolve(ctx.cwd, target) }),
    ...(prefix !== undefined && { prefix }),
    ...(root !== undefined && { root }),
    ...(python !== undefined && { python }),
    user: values.flag('user') === true,
    noUser: values.flag('user') === false,
    requireVirtualenv: values.flag('requireVirtualenv') === true,
    breakSystemPackages: values.flag('breakSystemPackages') === true,
  };
}

type Presentation =
  | 'verbosity' | 'progressBar' | 'noColor' | 'logFile' | 'noWarnScriptLocation' | 'noWarnConflicts' | 'rootUserAction' | 'disablePipVersionCheck';

function presentation(values: OptionValues): Pick<Request, Presentation> {
  const logFile = values.text('log');
  return {
    verbosity: values.flag('debug') === true ? 2 : values.count('verbose') - values.count('quiet'),
    progressBar: values.text('progressBar') ?? 'auto',
    noColor: values.flag('noColor') === true,
    ...(logFile !== undefined && { logFile }),
    noWarnScriptLocation: values.flag('warnScriptLocation') === false,
    noWarnConflicts: values.flag('warnConflicts') === false,
    rootUserAction: values.text('rootUserAction') ?? 'warn',
    disablePipVersionCheck: values.flag('disablePipVersionCheck') === true,
  };
}

/** What pip ends with an error, in the words of `InstallCommand.run`. */
function refuseContradictions(values: OptionValues, index: IndexOptions): void {
  const has = (dest: string): boolean => values.text(dest) !== undefined;
  const user = values.flag('user') === true;
  const foreign = index.platforms.length > 0 || index.abis.length > 0 || has('pythonVersion') || has('implementation');
  const binaryOnly = index.onlyBinary.join() === ':all:' && index.noBinary.length === 0;
  refuseIf(user && (has('target') || has('prefix')), '--user with --target or --prefix');
  refuseIf(foreign && !(binaryOnly || values.flag('noDeps') === true), 'a foreign platform without --only-binary=:all: or --no-deps');
  refuseIf(foreign && !has('target'), 'a foreign platform without --target');
  refuseIf(values.flag('pre') === true && index.allReleases.length + index.onlyFinal.length > 0, '--pre with --all-releases or --only-final');
  refuseIf(values.flag('requireHashes') === true && values.flag('noRequireHashes') === true, '--require-hashes with --no-require-hashes');
}

function refuseIf(condition: boolean, reason: string): void {
  if (condition) throw new PkgCacheError('UNRECOGNISED', reason);
}
