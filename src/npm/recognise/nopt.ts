import { abbreviations } from './abbrev.ts';
import type { Vocabulary } from './options.ts';
import { isList, itemsOf, type KeyType, type Value } from './value-types.ts';

/** What npm's option parser makes of a command line, before any value is looked at. */
export interface ParsedCommandLine {
  /** The last value of each key, or all values of a key that takes several; in the order in which npm keeps them. */
  readonly given: ReadonlyMap<string, Value>;
  readonly positional: readonly string[];
  readonly unknown: readonly string[];
  /** What was written short, and for what, in order. */
  readonly abbreviated: readonly (readonly [string, string])[];
}

/**
 * Splits a command line as nopt does (`nopt-lib.js`): options anywhere, `--opt=value`, `--no-opt`, booleans with an optional
 * `true` or `false` behind them, shorthands and clusters of one-letter ones, abbreviations, `--`.
 */
export function parseCommandLine(argv: readonly string[], words: Vocabulary): ParsedCommandLine {
  return new Parser(argv, words).parse();
}

class Parser {
  private readonly args: string[];
  private readonly words: Vocabulary;
  private readonly keyNames: ReadonlyMap<string, string>;
  private readonly shortNames: ReadonlyMap<string, string>;
  private readonly given = new Map<string, Value>();
  private readonly positional: string[] = [];
  private readonly unknown: string[] = [];
  private readonly abbreviated: [string, string][] = [];
  private at = 0;

  constructor(argv: readonly string[], words: Vocabulary) {
    this.args = [...argv];
    this.words = words;
    this.keyNames = abbreviations([...words.keys.keys()]);
    this.shortNames = abbreviations([...words.shorthands.keys()]);
  }

  parse(): ParsedCommandLine {
    for (; this.at < this.args.length; this.at++) {
      const arg = this.args[this.at] as string;
      if (/^-{2,}$/.test(arg)) {
        this.positional.push(...this.args.slice(this.at + 1));
        break;
      }
      if (arg.startsWith('-') && arg.length > 1) this.readOption(arg);
      else this.positional.push(arg);
    }
    const { given, positional, unknown, abbreviated } = this;
    return { given, positional, unknown, abbreviated };
  }

  private readOption(whole: string): void {
    const equals = whole.indexOf('=');
    const word = equals < 0 ? whole : whole.slice(0, equals);
    if (equals >= 0) this.args.splice(this.at, 1, word, whole.slice(equals + 1));
    const standsFor = this.resolveShorthand(word.replace(/^-+/, ''));
    if (standsFor !== undefined) {
      this.args.splice(this.at, 1, ...standsFor);
      if (word !== standsFor[0]) {
        this.at--; // to be read once more
        return;
      }
    }
    let name = word.replace(/^-+/, '');
    let no: boolean | undefined;
    while (name.toLowerCase().startsWith('no-')) {
      no = no !== true;
      name = name.slice(3);
    }
    this.readValue(this.expand(name), no, equals >= 0);
  }

  private expand(name: string): string {
    const full = this.keyNames.get(name);
    if (full === undefined || full === name) return name;
    this.abbreviated.push([name, full]);
    return full;
  }

  /** `resolveShort`: exact keys first, then exact shorthands, clusters, abbreviated keys, abbreviated shorthands. */
  private resolveShorthand(name: string): readonly string[] | undefined {
    const { shorthands } = this.words;
    if (this.keyNames.get(name) === name) return undefined;
    const exact = shorthands.get(name);
    if (exact !== undefined) return exact;
    const letters = Array.from(name);
    if (name !== '' && letters.every((letter) => shorthands.has(letter))) return letters.flatMap((letter) => shorthands.get(letter) ?? []);
    if (name === '' || this.keyNames.has(name)) return name === '' ? [] : undefined;
    const full = this.shortNames.get(name);
    if (full === undefined) return undefined;
    this.abbreviated.push([name, full]);
    return shorthands.get(full);
  }

  private readValue(name: string, no: boolean | undefined, hadEquals: boolean): void {
    let type: KeyType | undefined = this.words.keys.get(name)?.type;
    if (isList(type) && type.length === 1) type = type[0];
    const many = type === Array || (isList(type) && type.includes(Array)) || (type === undefined && this.given.has(name));
    if (type === undefined) this.unknown.push(name);
    const next = this.args[this.at + 1];
    if (no !== undefined || isSwitch(type, hadEquals, next)) this.store(name, many, this.switchValue(type, no === true, next));
    else this.store(name, many, this.takeValue(type, next));
  }

  /** A boolean, perhaps with its value behind it; or one of the other values that the key may have. */
  private switchValue(type: KeyType | undefined, no: boolean, next: string | undefined): Value {
    if (next === 'true' || next === 'false') {
      this.at++;
      return (next === 'true') !== no;
    }
    if (isList(type) && next !== undefined && next !== '') {
      const value = otherValue(type, next);
      if (value !== undefined) {
        this.at++;
        return value;
      }
    }
    return !no;
  }

  private takeValue(type: KeyType | undefined, next: string | undefined): Value {
    let value = next;
    if (type === String) {
      if (value === undefined) value = '';
      else if (/^-{1,2}[^-]+/.test(value)) {
        value = '';
        this.at--;
      }
    }
    if (value !== undefined && /^-{2,}$/.test(value)) {
      value = undefined;
      this.at--;
    }
    this.at++;
    return value ?? true;
  }

  private store(name: string, many: boolean, value: Value): void {
    if (!many) {
      this.given.set(name, value);
      return;
    }
    const before = this.given.get(name);
    this.given.set(name, [...(Array.isArray(before) ? (before as readonly Value[]) : before === undefined ? [] : [before]), value]);
  }
}

function isSwitch(type: KeyType | undefined, hadEquals: boolean, next: string | undefined): boolean {
  if (type === undefined) return !hadEquals;
  if (itemsOf(type).includes(Boolean)) return true;
  return next === 'false' && itemsOf(type).includes(null);
}

function otherValue(type: readonly unknown[], next: string): Value {
  if (type.includes(next)) return next;
  if (next === 'null' && type.includes(null)) return null;
  if (!/^-{2,}[^-]/.test(next) && !Number.isNaN(Number(next)) && type.includes(Number)) return Number(next);
  return !/^-[^-]/.test(next) && type.includes(String) ? next : undefined;
}
