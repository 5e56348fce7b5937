import { isSpecifier } from '../specifiers.ts';
import { type Marker, readMarker } from './markers.ts';
import { normalName } from './names.ts';
import { Scanner } from './scanner.ts';

/** A dependency specifier (PEP 508) taken apart. */
export interface ParsedRequirement {
  /** PEP 503 normal form. */
  readonly name: string;
  readonly rawName: string;
  /** Normalised, sorted, without repetition. */
  readonly extras: readonly string[];
  /** As written, sorted, without repetition. */
  readonly rawExtras: readonly string[];
  /** The specifiers without white space around commas, '' if there are none. */
  readonly specifiers: string;
  readonly url?: string;
  readonly marker?: Marker;
}

const IDENTIFIER = /[a-zA-Z0-9](?:[a-zA-Z0-9._-]*[a-zA-Z0-9])?(?![a-zA-Z0-9_])/y;
/** Where a clause ends; whether it is a valid one is asked afterwards. */
const CLAUSE = /[~=!<>]=?=?[ \t]*[^\s,;)]+/y;
const URL = /[^ \t;][^ \t]*/y;
const SPACE = /[ \t]+/y;

/**
 * Reads a dependency specifier: an argument of pip, a line of a requirements file or a `Requires-Dist` value.
 * Follows the recursive descent of `packaging._parser`. Throws UNRECOGNISED for what that, or the grammar of `packaging` 21 in
 * pips before 24.1, would not accept.
 */
export function parseRequirement(text: string): ParsedRequirement {
  const scanner = new Scanner(text);
  scanner.skipSpace();
  const rawName = scanner.expect(IDENTIFIER, 'a name');
  scanner.skipSpace();
  const rawExtras = readExtras(scanner);
  const extras = [...new Set(rawExtras.map(normalName))].sort();
  scanner.skipSpace();
  const details = scanner.takeChar('@') ? readUrl(scanner) : readSpecifiers(scanner);
  const marker = scanner.takeChar(';') ? readMarker(scanner) : undefined;
  scanner.expectEnd();
  return { name: normalName(rawName), rawName, extras, rawExtras, ...details, ...(marker && { marker }) };
}

function readExtras(scanner: Scanner): string[] {
  if (!scanner.takeChar('[')) return [];
  const extras = new Set<string>();
  scanner.skipSpace();
  if (scanner.peek() !== ']') {
    do {
      scanner.skipSpace();
      extras.add(scanner.expect(IDENTIFIER, 'the name of an extra'));
      scanner.skipSpace();
    } while (scanner.takeChar(','));
  }
  if (!scanner.takeChar(']')) scanner.fail('a closing bracket');
  return [...extras].sort();
}

/** After a URL, white space sets off the marker, since a URL may hold a semicolon. */
function readUrl(scanner: Scanner): { specifiers: ''; url: string } {
  scanner.skipSpace();
  const url = scanner.expect(URL, 'a URL');
  scanner.take(SPACE);
  return { specifiers: '', url };
}

function readSpecifiers(scanner: Scanner): { specifiers: string } {
  const parenthesis = scanner.takeChar('(');
  scanner.skipSpace();
  const clauses: string[] = [];
  for (let clause = scanner.take(CLAUSE); clause !== undefined; clause = readNext(scanner)) {
    // Pips before 24.1 take the semicolon for a part of the version.
    if (!isSpecifier(clause) || (clause.startsWith('===') && scanner.peek() === ';')) scanner.fail('a version specifier');
    clauses.push(clause);
    scanner.skipSpace();
  }
  if (parenthesis && !scanner.takeChar(')')) scanner.fail('a closing parenthesis');
  scanner.skipSpace();
  return { specifiers: clauses.join(',') };
}

/** The clause after a comma; a trailing comma is an error to pips before 24.1. */
function readNext(scanner: Scanner): string | undefined {
  if (!scanner.takeChar(',')) return undefined;
  scanner.skipSpace();
  return scanner.expect(CLAUSE, 'a version specifier');
}
