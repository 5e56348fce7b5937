import { DYNAMIC, type NpmKey } from './keys-served.ts';
import { refuse } from './refuse.ts';
import { type FieldContext, parseField, replaceVariables } from './fields.ts';
import type { Vocabulary } from './options.ts';
import { validValue } from './validate.ts';
import type { Value } from './value-types.ts';
import type { Warnings } from './warnings.ts';

/** Where a setting can come from, least important first. */
export const LAYERS = ['default', 'builtin', 'global', 'user', 'project', 'env', 'cli'] as const;
export type Where = (typeof LAYERS)[number];

/** Settings of a login that npm refuses outside of `//registry/:`, since 9 and since 12 (`validate`). */
const BARE_LOGIN = ['_auth', '_authToken', 'username', '_password', '_authtoken', '-authtoken'];
const BARE_LOGIN_12 = ['email', 'certfile', 'keyfile'];

/** Keys whose default follows from another key, by a getter in npm. */
const WORKED_OUT: ReadonlySet<string> = new Set(['globalconfig', 'global-ignore-file']);

/** All settings by layer: npm's `Config`. */
export class Layers {
  private readonly data = emptyLayers();
  /** The same before validation, which is when scripts' environment is made of it. */
  private readonly raw = emptyLayers();
  /** The keys of `WORKED_OUT` that somebody has set. */
  private readonly settled = new Set<string>();
  private readonly words: Vocabulary;
  private readonly ctx: FieldContext;
  private readonly warnings: Warnings;

  constructor(words: Vocabulary, ctx: FieldContext, warnings: Warnings) {
    this.words = words;
    this.ctx = ctx;
    this.warnings = warnings;
  }

  /** The settings of one layer, in npm's order. */
  of(where: Where): ReadonlyMap<string, Value> {
    return this.data.get(where) ?? new Map<string, Value>();
  }

  /** The value in effect, of what has been loaded so far. */
  get(key: string): Value {
    return find(this.data, LAYERS, key);
  }

  /** The value before validation; with `configured`, the one that would be in effect without the command line. */
  getRaw(key: string, configured = false): Value {
    return find(this.raw, configured ? LAYERS.slice(0, -1) : LAYERS, key);
  }

  /** Whether nobody has set the key. */
  isDefault(key: string): boolean {
    return LAYERS.every((where) => where === 'default' || !this.of(where).has(key));
  }

  /** Every key that somebody has set. */
  keysSet(): Set<string> {
    return new Set(LAYERS.filter((where) => where !== 'default').flatMap((where) => [...this.of(where).keys()]));
  }

  /** What each layer sets it to. */
  settings(key: string): Value[] {
    return LAYERS.filter((where) => where !== 'default' && this.of(where).has(key)).map((where) => this.of(where).get(key));
  }

  setDefault(key: NpmKey, value: Value | typeof DYNAMIC): void {
    if (value !== DYNAMIC) this.set('default', key.name, parseField(value, key, this.ctx));
  }

  /** A default that npm works out only while it loads; unless somebody has set the key. */
  setComputed(name: string, value: Value): void {
    if (this.words.keys.has(name) && !this.settled.has(name)) this.set('default', name, value);
  }

  /** Takes over what a source holds (`#loadObject`). Throws UNRECOGNISED for what npm would refuse, or complain of in ways not known here. */
  load(where: Where, entries: Iterable<readonly [string, Value]>): void {
    for (const [raw, rawValue] of entries) {
      const name = replaceVariables(raw, this.ctx);
      if (name !== raw) refuse('a variable in a key');
      const key = this.words.keys.get(name);
      const value = parseField(rawValue, key, this.ctx);
      if (value === undefined) refuse('the word undefined as a value');
      if (key?.deprecated !== undefined) this.warnings.say('config', `${name} ${key.deprecated}`);
      if (key === undefined) this.warnings.unknown(where, name);
      this.put(where, name, value, key === undefined ? unknownValue(value) : validValue(key, value, this.ctx));
    }
  }

  /** The first to set a key that npm works out becomes its default, whatever it is: npm's setter does that. */
  private put(where: Where, name: string, raw: Value, value: Value): void {
    const becomesDefault = WORKED_OUT.has(name) && this.words.keys.has(name) && !this.settled.has(name);
    if (becomesDefault) this.settled.add(name);
    this.set(becomesDefault ? 'default' : where, name, value, raw);
  }

  private set(where: Where, name: string, value: Value, raw = value): void {
    this.data.get(where)?.set(name, value);
    this.raw.get(where)?.set(name, raw);
  }

  /** Throws UNRECOGNISED for logins in files that npm no longer takes. */
  checkLogins(strict: boolean): void {
    for (const where of ['global', 'user', 'project'] as const) {
      const keys = strict ? [...BARE_LOGIN, ...BARE_LOGIN_12] : BARE_LOGIN;
      if (keys.some((key) => Boolean(this.of(where).get(key)))) refuse('a login that is not bound to a registry');
    }
  }

  /** Throws UNRECOGNISED if two keys are set that exclude each other. */
  checkExclusions(): void {
    const set = this.keysSet();
    for (const key of this.words.keys.values()) {
      if (set.has(key.name) && key.exclusive.some((other) => set.has(other))) refuse(`${key.name} together with what excludes it`);
    }
  }
}

function unknownValue(value: Value): Value {
  return Array.isArray(value) && value.some((one) => typeof one !== 'string') ? refuse('a list of something else than words') : value;
}

function emptyLayers(): Map<Where, Map<string, Value>> {
  return new Map(LAYERS.map((where) => [where, new Map<string, Value>()]));
}

function find(layers: ReadonlyMap<Where, ReadonlyMap<string, Value>>, among: readonly Where[], key: string): Value {
  const where = among.findLast((layer) => layers.get(layer)?.has(key));
  return where === undefined ? undefined : layers.get(where)?.get(key);
}
