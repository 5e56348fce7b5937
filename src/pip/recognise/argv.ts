import { PkgCacheError } from '../../errors.ts';
import { buildRequest } from './build-request.ts';
import { readConfigFiles } from './config-files.ts';
import { configuredValues } from './configuration.ts';
import { generalWords, installWords } from './options.ts';
import { parseArguments } from './optparse.ts';
import { withoutCredentials } from './redact.ts';
import type { Context, Recognition } from './request.ts';
import { parseBoolean } from './value-types.ts';
import { OptionValues, type Use } from './values.ts';

/**
 * Finds out what a pip command line asks for, from argv (what follows `pip`), environment, configuration files and the
 * requirements files they name. Never throws: what cannot be recognised exactly is left to the real pip.
 */
export function recognise(argv: readonly string[], ctx: Context): Recognition {
  try {
    const command = findCommand(argv, ctx);
    return command === undefined ? { kind: 'other' } : recogniseInstall(command, ctx);
  } catch (error) {
    const reason = error instanceof PkgCacheError ? error.message : `cannot be recognised: ${String(error)}`;
    return { kind: 'passthrough', reason: withoutCredentials(reason), observe: false };
  }
}

interface Command {
  /** All arguments but the command's name, as pip gives them to the command. */
  readonly args: readonly string[];
  /** `--python`, from before the command or from the configuration. */
  readonly python: string | undefined;
}

/** What precedes the command is parsed once without it, for the sake of the few options that count there (`parse_command`). */
function findCommand(argv: readonly string[], ctx: Context): Command | undefined {
  const { given, positional } = parseArguments(argv, generalWords, false);
  const asksForHelp = given.some(({ option }) => option.dest === 'help' || option.dest === 'version');
  if (positional[0] !== 'install' || asksForHelp || ctx.env['PIP_AUTO_COMPLETE'] !== undefined) return undefined;
  const values = new OptionValues(ctx.home);
  for (const [option, value] of configuredValues(readConfigFiles(ctx, false), ctx, false, 'global', generalWords)) {
    if (option.dest === 'python') values.addConfigured(option, value);
  }
  for (const use of given) if (use.option.dest === 'python') values.addArgument(use);
  const at = argv.indexOf('install');
  return { args: argv.filter((_, i) => i !== at), python: values.text('python') };
}

function recogniseInstall({ args, python }: Command, ctx: Context): Recognition {
  // Set by a pip for a pip that it starts; some options mean something else there.
  if (ctx.env['_PIP_RUNNING_IN_SUBPROCESS'] !== undefined || ctx.env['_PIP_IN_BUILD_IGNORE_CONSTRAINTS'] !== undefined) {
    throw new PkgCacheError('UNRECOGNISED', 'started by pip itself');
  }
  const { values, positional } = settleOptions(args, ctx);
  if (values.text('python') !== python) throw new PkgCacheError('UNRECOGNISED', '--python after the command');
  const request = buildRequest(values, positional, python, ctx);
  // Only now, since requirements files add to what was used.
  const refused = values.uses.find(hidesResult);
  if (refused !== undefined) throw new PkgCacheError('UNRECOGNISED', `option ${nameOf(refused)}`);
  const reason = reasonToPass(values.uses) ?? [...request.requirements, ...request.constraints].find((r) => r.unsupported)?.unsupported;
  if (reason !== undefined) return { kind: 'passthrough', reason, observe: true, request };
  const asked = positional.length + values.list('requirements').length;
  if (asked === 0) throw new PkgCacheError('UNRECOGNISED', 'nothing to install');
  return { kind: 'install', request };
}

/** Files, then environment, then arguments. Only the word `--isolated` itself keeps pip from reading its configuration. */
function settleOptions(args: readonly string[], ctx: Context): { values: OptionValues; positional: readonly string[] } {
  const isolated = args.includes('--isolated');
  const values = new OptionValues(ctx.home);
  for (const [option, value] of configuredValues(readConfigFiles(ctx, isolated), ctx, isolated, 'install', installWords)) {
    values.addConfigured(option, value);
  }
  const { given, positional } = parseArguments(args, installWords, true);
  for (const use of given) values.addArgument(use);
  return { values, positional };
}

function hidesResult({ option, value }: Use): boolean {
  return option.unobservable === true && !isOff(value, option.kind);
}

function reasonToPass(uses: readonly Use[]): string | undefined {
  const use = uses.find(({ option, value }) => option.decision === 'passthrough' && !isOff(value, option.kind));
  return use && `option ${nameOf(use)}`;
}

/** A switch that is configured to be off. */
function isOff(value: string | undefined, kind: string): boolean {
  return kind === 'flag' && value !== undefined && !parseBoolean(value);
}

function nameOf({ option }: Use): string {
  return option.names.find((name) => name.startsWith('--')) ?? '';
}
