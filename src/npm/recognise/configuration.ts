import { dirname, join, resolve } from 'node:path';
import { defaultOf } from './defaults.ts';
import type { FieldContext } from './fields.ts';
import { isFile, readConfigText } from './files.ts';
import { parseIni } from './ini.ts';
import type { DYNAMIC } from './keys-served.ts';
import { internalKeys } from './internal-keys.ts';
import { Layers, type Where } from './layers.ts';
import { findLocalPrefix, type LocalPrefix } from './local-prefix.ts';
import type { ParsedCommandLine } from './nopt.ts';
import type { Vocabulary } from './options.ts';
import { refuse } from './refuse.ts';
import { validArgument } from './validate.ts';
import type { Value } from './value-types.ts';
import type { NpmTraits } from './version.ts';
import { type NpmMessage, Warnings } from './warnings.ts';
import { firstSet, type NpmFacts, type NpmWorld } from './world.ts';

/** All that npm knows when it has read its configuration. */
export interface Configuration {
  readonly facts: NpmFacts;
  readonly world: NpmWorld;
  readonly traits: NpmTraits;
  readonly words: Vocabulary;
  readonly layers: Layers;
  /** The defaults as the definitions have them; DYNAMIC where they cannot be told. */
  readonly defaults: ReadonlyMap<string, Value | typeof DYNAMIC>;
  readonly home: string;
  readonly local: LocalPrefix;
  readonly globalPrefix: string;
  readonly warnings: readonly NpmMessage[];
}

/** The npm at hand, and what its words mean. */
export interface KnownNpm {
  readonly facts: NpmFacts;
  readonly traits: NpmTraits;
  readonly words: Vocabulary;
}

/**
 * Reads the configuration as npm's `Config.load` does, in its order: defaults, builtin, command line, environment, project,
 * user, global. Each may decide where the next one lies. Throws UNRECOGNISED where npm would fail, or complain of something
 * in words that are not known here.
 */
export function loadConfiguration(npm: KnownNpm, world: NpmWorld, argv: readonly string[], line: ParsedCommandLine): Configuration {
  return new Loader(npm, world).load(argv, line);
}

class Loader {
  private readonly npm: KnownNpm;
  private readonly world: NpmWorld;
  private readonly ctx: FieldContext;
  private readonly warnings: Warnings;
  private readonly layers: Layers;
  private readonly defaults = new Map<string, Value | typeof DYNAMIC>();
  private readonly files = new Set<string>();

  constructor(npm: KnownNpm, world: NpmWorld) {
    this.npm = npm;
    this.world = world;
    this.ctx = { env: world.env, cwd: world.cwd, home: firstSet(world.env['HOME'], world.home) ?? '', optionalVariables: npm.traits.optionalVariables };
    this.warnings = new Warnings(npm.traits, (name) => npm.words.keys.has(name), (name) => internalKeys(npm.facts.npmDir).includes(name));
    this.layers = new Layers(npm.words, this.ctx, this.warnings);
  }

  load(argv: readonly string[], line: ParsedCommandLine): Configuration {
    this.loadDefaults();
    this.loadFile('builtin', resolve(this.npm.facts.npmDir, 'npmrc'));
    this.loadCommandLine(argv, line);
    this.layers.load('env', environmentSettings(this.world));
    const local = this.loadProject();
    this.loadFile('user', this.text('userconfig'));
    this.workOutGlobals();
    this.loadFile('global', this.text('globalconfig'));
    this.workOutGlobals(); // it may have set the prefix
    this.layers.checkExclusions();
    this.layers.checkLogins(this.npm.traits.strict);
    if (this.layers.get('force') === true) this.warnings.say('using --force', 'Recommended protections disabled.');
    const { layers, defaults, ctx, world } = this;
    return { ...this.npm, world, layers, defaults, home: ctx.home, local, globalPrefix: this.text('prefix'), warnings: this.warnings.all() };
  }

  private text(key: string): string {
    const value = this.layers.get(key);
    return typeof value === 'string' && value !== '' ? value : refuse(`no ${key}`);
  }

  private loadDefaults(): void {
    const { facts, words } = this.npm;
    for (const key of words.keys.values()) {
      const value = defaultOf(key, facts, this.world);
      this.defaults.set(key.name, value);
      const prefix = key.name === 'prefix' ? globalPrefix(facts, this.world) : value;
      this.layers.setDefault(key, prefix);
    }
  }

  /** They lie below the global prefix that is in effect when they are looked for. */
  private workOutGlobals(): void {
    this.layers.setComputed('globalconfig', resolve(this.text('prefix'), 'etc', 'npmrc'));
    this.layers.setComputed('global-ignore-file', resolve(this.text('prefix'), 'etc', 'npmignore'));
  }

  private loadFile(where: Where, path: string): void {
    if (this.files.has(path)) refuse('one file as two kinds of configuration');
    this.files.add(path);
    const entries = parseIni(readConfigText(path));
    if (where === 'project' && entries.some(([key, value]) => key === 'prefix' && Boolean(value))) refuse('prefix in a npmrc of a project');
    this.layers.load(where, entries);
  }

  private loadCommandLine(argv: readonly string[], { given, unknown, abbreviated }: ParsedCommandLine): void {
    const { traits, words } = this.npm;
    const [first] = unknown;
    if (first !== undefined) refuse('an option that npm does not know');
    for (const word of words.shorthands.keys()) {
      if (word.length > 1 && argv.includes(`-${word}`)) this.singleDash(word);
    }
    for (const [short, full] of abbreviated) {
      if (traits.abbreviation === 'refused' || !traits.compared) refuse('an abbreviated option');
      if (traits.abbreviation === 'warns') this.warnings.say(`Expanding --${short} to --${full}. This will stop working in the next major version of npm.`);
    }
    const cleaned = [...given].map(([name, value]) => {
      const key = words.keys.get(name) ?? refuse('an option that npm does not know');
      return [name, validArgument(key, value, { cwd: this.world.cwd, home: this.world.home })] as const;
    });
    this.layers.load('cli', cleaned);
  }

  private singleDash(word: string): void {
    if (this.npm.traits.wordAfterOneDash === 'refused') refuse('an option that npm does not know');
    if (this.npm.traits.wordAfterOneDash === 'warns') this.warnings.say(`-${word} is not a valid single-hyphen cli flag and will be removed in the future`);
  }

  private loadProject(): LocalPrefix {
    const { layers } = this;
    const isGlobal = layers.get('global') === true || layers.get('location') === 'global';
    const given = layers.of('cli').get('prefix');
    const alone = isGlobal || layers.of('cli').get('workspaces') === false;
    const local = findLocalPrefix(this.world.cwd, typeof given === 'string' && given !== '' ? given : undefined, alone);
    const file = resolve(local.path, '.npmrc');
    if (local.workspace !== undefined) {
      if (isFile(join(local.workspace, '.npmrc'))) this.warnings.say('config', `ignoring workspace config at ${local.workspace}/.npmrc`);
      layers.setComputed('workspace', [local.workspace]);
    }
    if (!isGlobal && file !== layers.get('userconfig')) this.loadFile('project', file);
    return local;
  }
}

/** npm_config_… variables as settings (`loadEnv`). Throws UNRECOGNISED if two of them, differing in case, set one key. */
function environmentSettings({ env }: NpmWorld): [string, Value][] {
  const settings = new Map<string, string>();
  for (const [name, value] of Object.entries(env)) {
    if (!/^npm_config_/i.test(name) || value === undefined || value === '') continue;
    const raw = name.slice('npm_config_'.length);
    const key = raw.startsWith('//') ? raw : raw.replace(/(?!^)_/g, '-').toLowerCase();
    if (settings.has(key) && settings.get(key) !== value) refuse('two variables for one setting');
    if (key in Object.prototype) refuse('an odd variable');
    settings.set(key, value);
  }
  return [...settings];
}

/** Where npm installs globally unless told otherwise (`loadGlobalPrefix`), on POSIX. */
function globalPrefix({ nodeExecPath }: NpmFacts, { env }: NpmWorld): string {
  if (env['PREFIX']) return env['PREFIX'];
  const prefix = dirname(dirname(nodeExecPath));
  return env['DESTDIR'] ? join(env['DESTDIR'], prefix) : prefix;
}
