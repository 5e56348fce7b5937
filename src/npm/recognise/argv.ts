import { resolve } from 'node:path';
import { PkgCacheError } from '../../errors.ts';
import { buildRequest } from './build-request.ts';
import { installCommand, type InstallCommand } from './commands.ts';
import { type Configuration, type KnownNpm, loadConfiguration } from './configuration.ts';
import { isUnreadable } from './files.ts';
import { type ParsedCommandLine, parseCommandLine } from './nopt.ts';
import { vocabularyOf } from './options.ts';
import { refuse } from './refuse.ts';
import type { NpmRecognition } from './request.ts';
import type { Value } from './value-types.ts';
import { supportsNode, traitsOf } from './version.ts';
import type { NpmFacts, NpmWorld } from './world.ts';

/** Dashes that are none to npm, which complains of them (`cli/entry.js`). */
const FOREIGN_DASH = /^[\u2010-\u2015\u2212\uFE58\uFE63\uFF0D]/;

/**
 * Finds out what an npm command line asks for, from argv (what follows `npm`), environment and npmrc files. Never throws: what
 * cannot be recognised exactly is left to the real npm. Reasons hold no values.
 */
export function recogniseNpm(argv: readonly string[], facts: NpmFacts, world: NpmWorld): NpmRecognition {
  let command: InstallCommand | undefined;
  try {
    const traits = traitsOf(facts.version);
    if (traits === undefined || world.platform === 'win32') return { kind: 'other', reason: 'an npm that is not known' };
    const npm = { facts, traits, words: vocabularyOf(facts.version) };
    const line = parseCommandLine(argv, npm.words);
    command = installCommand(line.positional[0], Number.parseInt(facts.version, 10));
    if (command === undefined) return { kind: 'other', reason: 'no install' };
    return recogniseInstall(command, npm, world, argv, line);
  } catch (error) {
    const reason = error instanceof PkgCacheError ? error.message : 'cannot be recognised';
    return { kind: 'passthrough', reason, observe: false };
  }
}

function recogniseInstall(command: InstallCommand, npm: KnownNpm, world: NpmWorld, argv: readonly string[], line: ParsedCommandLine): NpmRecognition {
  // Asked for on the command line, they take the place of any command, whatever the configuration is like.
  if (line.given.get('version') === true || line.given.get('versions') === true) return { kind: 'other', reason: 'asks for the version' };
  const config = loadConfiguration(npm, world, argv, line);
  const { layers } = config;
  if (layers.get('usage') === true) return { kind: 'other', reason: 'asks for help' };
  if (layers.get('global') === true || layers.get('location') === 'global') return { kind: 'other', reason: 'a global install' };
  if (line.positional.some((word) => FOREIGN_DASH.test(word))) refuse('a word with a foreign dash');
  if (layers.get('workspaces') === false && !isStandard(layers.get('workspace'), [])) refuse('--no-workspaces together with --workspace');
  const certificates = layers.get('cafile');
  if (typeof certificates === 'string' && isUnreadable(certificates)) refuse('a cafile that cannot be read');
  const base = command === 'ci' || command === 'install-ci-test' ? 'ci' : 'install';
  const request = buildRequest(config, base);
  const reasons = reasonsToPass(config, base);
  if (reasons.unobservable !== undefined) return { kind: 'passthrough', reason: reasons.unobservable, observe: false };
  const node = supportsNode(npm.facts.version, npm.facts.nodeVersion) ? undefined : 'a Node that this npm does not support';
  const reason = node ?? (command === base ? (reasons.option ?? packageReason(base, config, line)) : command);
  return reason === undefined ? { kind: 'install', request } : { kind: 'passthrough', reason, observe: true, request };
}

/** `npm ci` ignores packages; `npm install` ignores those that name the project itself. */
function packageReason(command: 'ci' | 'install', { local, world }: Configuration, { positional }: ParsedCommandLine): string | undefined {
  if (command === 'ci') return undefined;
  return positional.slice(1).every((word) => resolve(world.cwd, word) === local.path) ? undefined : 'names packages';
}

/** The first option of each sort that leaves the install to npm. */
function reasonsToPass({ layers, words, globalPrefix }: Configuration, command: 'ci' | 'install'): { unobservable?: string; option?: string } {
  const found: { unobservable?: string; option?: string } = {};
  // A project above that the working directory is a workspace of.
  if (!isStandard(layers.get('workspace'), [])) found.option = 'option workspace';
  const ignoreFile = layers.get('global-ignore-file');
  if (ignoreFile !== undefined && ignoreFile !== resolve(globalPrefix, 'etc', 'npmignore')) found.option = 'option global-ignore-file';
  for (const name of layers.keysSet()) {
    const key = words.keys.get(name);
    if (key?.decision !== 'passthrough' || (key.ci === 'inert' && command === 'ci')) continue;
    if (layers.settings(name).every((value) => isStandard(value, layers.of('default').get(name)))) continue;
    found[key.unobservable === true ? 'unobservable' : 'option'] ??= `option ${name}`;
  }
  return found;
}

/** Set in so many words to what it would be anyway. An empty list may be written as an empty word. */
function isStandard(value: Value, standard: Value): boolean {
  return Array.isArray(value) ? value.every((one) => one === '') : value === standard;
}
