import { canonicalVersion } from './pip/version.ts';
import { normalName } from './pip/recognise/names.ts';

/** A package, as an entry's key names it. */
export interface Package {
  readonly ecosystem: 'pip' | 'npm';
  readonly name: string;
  readonly version: string;
}

/** One word of `cachable` or `blocked`: what it is about, and whether it says yes. */
export interface Rule {
  /** As it was written. */
  readonly text: string;
  /** False for a word that begins with `!`. */
  readonly allows: boolean;
  /** Undefined: both. */
  readonly ecosystem: Package['ecosystem'] | undefined;
  /** With `*` for any characters; undefined for a rule about an index. */
  readonly name: string | undefined;
  readonly version: string | undefined;
  /** Beginning of the URLs of an index or registry, without credentials or trailing slashes. */
  readonly index: string | undefined;
}

/**
 * Reads rules: words between blanks or commas. `name`, `na*`, `name==1.0` (`@scope/name@1.0` too), perhaps after `pip:` or `npm:`; the URL of an
 * index; `*` for everything. `!` in front turns a rule round. Undefined if a word is none of these.
 */
export function parseRules(text: string): Rule[] | undefined {
  const rules = text.split(/[\s,]+/).filter((word) => word !== '').map(parseRule);
  return rules.every((rule) => rule !== undefined) ? rules : undefined;
}

function parseRule(text: string): Rule | undefined {
  const allows = !text.startsWith('!');
  const word = allows ? text : text.slice(1);
  const nothing = { text, allows, ecosystem: undefined, name: undefined, version: undefined, index: undefined };
  if (/^https?:/i.test(word)) {
    const index = normalUrl(word);
    return index === undefined ? undefined : { ...nothing, text: `${allows ? '' : '!'}${index}`, index };
  }
  const parts = /^(?:(pip|npm):)?((?:@[\w.*~-]+\/)?[\w*][\w.*~-]*?)(?:(?:==|@)([\w.+!-]+))?$/.exec(word);
  if (!parts) return undefined;
  const [, ecosystem, name, version] = parts;
  return { ...nothing, ecosystem: ecosystem as Package['ecosystem'] | undefined, name, version };
}

/** A URL without credentials, query, fragment and trailing slashes; undefined for what is none. */
export function normalUrl(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname}`.replace(/\/+$/, '');
}

export interface PolicySettings {
  readonly cachable: readonly Rule[];
  readonly blocked: readonly Rule[];
}

/** Which packages the cache is for. One policy decides on serving, collecting, pushing and pulling. */
export class Policy {
  readonly #settings: PolicySettings;

  constructor(settings: PolicySettings) {
    this.#settings = settings;
  }

  /** Whether there are no rules. */
  get isEmpty(): boolean {
    return this.#settings.cachable.length + this.#settings.blocked.length === 0;
  }

  /**
   * Why the cache must have nothing to do with a package, in words; undefined if there is no reason. `sources`: URLs of the indexes or of
   * the archive that it comes from; undefined where nobody knows, and rules about an index, or weaker, say nothing.
   */
  whyNot(wanted: Package, sources?: readonly string[]): string | undefined {
    const { cachable, blocked } = this.#settings;
    if (this.isEmpty) return undefined;
    const block = mostSpecific(blocked, wanted, sources);
    if (block?.allows === true) return `blocked by the rule ${block.text}`;
    const rule = mostSpecific(cachable, wanted, sources);
    return rule?.allows === false ? `not cachable by the rule ${rule.text}` : undefined;
  }
}

/** The rule that counts: package before index before `*`; among equals the first. */
function mostSpecific(rules: readonly Rule[], wanted: Package, sources: readonly string[] | undefined): Rule | undefined {
  let best: Rule | undefined;
  for (const rule of rules) {
    if (applies(rule, wanted, sources ?? []) && (best === undefined || rank(rule) > rank(best))) best = rule;
  }
  const open = sources === undefined && rules.some(({ index }) => index !== undefined);
  return open && best && rank(best) === 0 ? undefined : best;
}

/** `*`: 0; an index: from 1 on, by length; a pattern: from 10,000 on; a name: 100,000; with a version: 1,000,000 more. */
function rank({ name, version, index }: Rule): number {
  if (index !== undefined) return 1 + index.length;
  if (name === undefined || name === '*') return version === undefined ? 0 : 1_000_000;
  return (name.includes('*') ? 10_000 + name.length : 100_000) + (version === undefined ? 0 : 1_000_000);
}

/** Whether a rule is about a package. `sources` as above. */
export function applies(rule: Rule, { ecosystem, name, version }: Package, sources: readonly string[] = []): boolean {
  if (rule.index !== undefined) return sources.some((url) => isBelow(normalUrl(url) ?? '', rule.index ?? ''));
  if (rule.ecosystem !== undefined && rule.ecosystem !== ecosystem) return false;
  return matches(rule.name ?? '', name, ecosystem) && (rule.version === undefined || isSame(rule.version, version, ecosystem));
}

function isBelow(url: string, index: string): boolean {
  return url === index || url.startsWith(`${index}/`);
}

/** What npm made of a project is an entry of this name; it is of no use without its packages, which have rules of their own. */
const TREE = 'node_modules';

function matches(pattern: string, name: string, ecosystem: string): boolean {
  if (ecosystem === 'npm' && name === TREE) return pattern === '*';
  const wanted = ecosystem === 'pip' ? pattern.split('*').map(normalName).join('*') : pattern;
  const [first = '', ...rest] = wanted.split('*');
  const last = rest.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
  // What is between stars is taken where it first comes; that leaves the most for what follows.
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return at <= name.length - last.length;
}

function isSame(a: string, b: string, ecosystem: string): boolean {
  return a === b || (ecosystem === 'pip' && (canonicalVersion(a) ?? a) === (canonicalVersion(b) ?? b));
}
