import { PkgCacheError } from '../../errors.ts';
import { isSpecifier, satisfies } from '../specifiers.ts';
import { parseVersion } from '../pep440.ts';
import { normalName } from './names.ts';
import { Scanner } from './scanner.ts';

/** What an interpreter answers to PEP 508 markers; the keys are the variables. `extra` is not asked of it. */
export interface MarkerEnvironment {
  readonly python_version: string;
  readonly python_full_version: string;
  readonly os_name: string;
  readonly sys_platform: string;
  readonly platform_machine: string;
  readonly platform_system: string;
  readonly platform_release: string;
  readonly platform_version: string;
  readonly implementation_name: string;
  readonly implementation_version: string;
  readonly platform_python_implementation: string;
}

type Variable = keyof MarkerEnvironment | 'extra';
type Operand = { readonly variable: Variable } | { readonly value: string };

/** A marker expression: `or` of `and` of comparisons; a missing marker is not one. */
export type Marker =
  | { readonly any: readonly Marker[] }
  | { readonly all: readonly Marker[] }
  | { readonly left: Operand; readonly operator: string; readonly right: Operand };

const OPERATOR = /===|==|~=|!=|<=|>=|<|>|in\b|not in\b/y;
const QUOTED = /'[^']*'|"[^"]*"/y;
const AND = /and\b/y;
const OR = /or\b/y;
const VARIABLE =
  /(?:python_version|python_full_version|os[._]name|sys[._]platform|platform_(?:release|system)|platform[._](?:version|machine|python_implementation)|python_implementation|implementation_(?:name|version)|extra)\b/y;

/** Reads a marker by PEP 508. Throws UNRECOGNISED for anything that not every pip would understand. */
export function parseMarker(text: string): Marker {
  const scanner = new Scanner(text);
  const marker = readMarker(scanner);
  scanner.expectEnd();
  return marker;
}

/** Reads a marker from where the scanner stands, and the white space after it. */
export function readMarker(scanner: Scanner, depth = 0): Marker {
  if (depth > MAX_DEPTH) scanner.fail('fewer parentheses');
  return readSeries(scanner, OR, 'any', () => readSeries(scanner, AND, 'all', () => readAtom(scanner, depth)));
}

/** How many parentheses may be in each other: Python itself does not get through hundreds. */
const MAX_DEPTH = 50;

function readSeries(scanner: Scanner, word: RegExp, kind: 'any' | 'all', readPart: () => Marker): Marker {
  const first = readPart();
  if (scanner.take(word) === undefined) return first;
  const parts = [first];
  do parts.push(readPart());
  while (scanner.take(word) !== undefined);
  return kind === 'any' ? { any: parts } : { all: parts };
}

function readAtom(scanner: Scanner, depth: number): Marker {
  scanner.skipSpace();
  const marker = scanner.takeChar('(') ? readGroup(scanner, depth) : readComparison(scanner);
  scanner.skipSpace();
  return marker;
}

function readGroup(scanner: Scanner, depth: number): Marker {
  const marker = readMarker(scanner, depth + 1);
  if (!scanner.takeChar(')')) scanner.fail('a closing parenthesis');
  return marker;
}

function readComparison(scanner: Scanner): Marker {
  const left = readOperand(scanner);
  scanner.skipSpace();
  const operator = scanner.expect(OPERATOR, 'a marker operator');
  scanner.skipSpace();
  const right = readOperand(scanner);
  if ('value' in left === 'value' in right) scanner.fail('a comparison of a variable with a string');
  return { left, operator, right };
}

function readOperand(scanner: Scanner): Operand {
  const name = scanner.take(VARIABLE);
  if (name !== undefined) return { variable: variableOf(name) };
  const quoted = scanner.expect(QUOTED, 'a marker variable or a quoted string');
  // A backslash is an escape to pip, which reads the string as Python source.
  if (quoted.includes('\\')) scanner.fail('a string without escapes');
  return { value: quoted.slice(1, -1) };
}

/** A marker as pip prints it: double quotes, parentheses only where `or` stands below `and` (packaging, `str(Marker)`). */
export function formatMarker(marker: Marker): string {
  if ('any' in marker) return marker.any.map(formatMarker).join(' or ');
  if ('all' in marker) return marker.all.map((part) => ('any' in part ? `(${formatMarker(part)})` : formatMarker(part))).join(' and ');
  return `${formatOperand(marker.left)} ${marker.operator} ${formatOperand(marker.right)}`;
}

function formatOperand(operand: Operand): string {
  return 'variable' in operand ? operand.variable : `"${operand.value}"`;
}

function variableOf(name: string): Variable {
  const dotless = name.replace('.', '_');
  return (dotless === 'python_implementation' ? 'platform_python_implementation' : dotless) as Variable;
}

/**
 * Whether a requirement with this marker applies in `env` when `extras` are asked for (any of them suffices, as in pip's
 * `match_markers`; none means the extra '').
 *
 * Versions of `packaging` differ in which variables they compare as versions (all, or since 26.0 only the four that hold
 * one) and in how they order strings. Where these readings disagree, this throws UNRECOGNISED instead of guessing.
 */
export function evaluateMarker(marker: Marker, env: MarkerEnvironment, extras: readonly string[]): boolean {
  return (extras.length === 0 ? [''] : extras).some((extra) => evaluate(marker, env, normalName(extra)));
}

function evaluate(marker: Marker, env: MarkerEnvironment, extra: string): boolean {
  if ('any' in marker) return marker.any.some((part) => evaluate(part, env, extra));
  if ('all' in marker) return marker.all.every((part) => evaluate(part, env, extra));
  const { left, operator, right } = marker;
  if ('variable' in left) return compare(left.variable, lookup(left.variable, env, extra), operator, text(right, left.variable));
  const { variable } = right as { variable: Variable };
  return compare(variable, text(left, variable), operator, lookup(variable, env, extra));
}

function text(operand: Operand, other: Variable): string {
  const { value } = operand as { value: string };
  return other === 'extra' ? normalName(value) : value;
}

function lookup(variable: Variable, env: MarkerEnvironment, extra: string): string {
  if (variable === 'extra') return extra;
  const value = env[variable];
  // An untagged build of Python says `3.13.0+`, which `packaging` completes to a local version.
  return variable === 'python_full_version' && value.endsWith('+') ? `${value}local` : value;
}

function compare(variable: Variable, left: string, operator: string, right: string): boolean {
  if (variable !== 'extra' && isSpecifier(operator + right)) {
    if (parseVersion(left) === undefined) undecided(variable, left, operator, right);
    const asVersions = satisfies(left, operator + right, { prereleases: true });
    if (HOLDS_VERSION.has(variable) || asVersions === compareStrings(left, operator, right)) return asVersions;
    return undecided(variable, left, operator, right);
  }
  return compareStrings(left, operator, right) ?? undecided(variable, left, operator, right);
}

const HOLDS_VERSION: ReadonlySet<Variable> = new Set<Variable>([
  'implementation_version',
  'platform_release',
  'python_full_version',
  'python_version',
]);

/** Undefined for an operator that has no meaning for strings, or not the same one in every version of `packaging`. */
function compareStrings(left: string, operator: string, right: string): boolean | undefined {
  switch (operator) {
    case 'in':
      return right.includes(left);
    case 'not in':
      return !right.includes(left);
    case '==':
      return left === right;
    case '!=':
      return left !== right;
    case '<=':
      return left <= right === (left === right) ? left === right : undefined;
    case '>=':
      return left >= right === (left === right) ? left === right : undefined;
    case '<':
      return left < right ? undefined : false;
    case '>':
      return left > right ? undefined : false;
    default:
      return undefined;
  }
}

function undecided(...comparison: string[]): never {
  throw new PkgCacheError('UNRECOGNISED', `pips do not agree on this marker: ${comparison.join(' ')}`);
}
