import { parseSpecifiers, satisfies, type Specifier } from '../specifiers.ts';
import { parseVersion } from '../pep440.ts';
import { parseMarker } from './markers.ts';
import { normalName } from './names.ts';
import { withoutCredentials } from './redact.ts';
import { type ParsedRequirement, parseRequirement } from './requirement.ts';
import type { HashAlgorithm, Requirement } from './request.ts';

const SCHEME = /^[a-zA-Z][a-zA-Z0-9+.-]*:/;
const ARCHIVE = /[^/]\.(?:zip|whl|tar|tgz|tbz|txz|tlz|tar\.(?:gz|bz2|xz|lz|lzma))(?:\s*\[[^\]]+\])?$/;
const DIRECT_NAME = /^([a-zA-Z0-9](?:[a-zA-Z0-9._-]*[a-zA-Z0-9])?)\s*(?:\[[^\]]*\]\s*)?@/;

/** What a requirements file says besides the requirement itself. */
export interface LineDetails {
  /** pip's wording, '' on the command line. */
  readonly comesFrom: string;
  /** Values of `--hash`, each `algorithm:digest`. */
  readonly hashes: readonly string[];
  /** Why the line cannot be served in any case. */
  readonly unsupported?: string;
}

export const ON_COMMAND_LINE: LineDetails = { comesFrom: '', hashes: [] };

/**
 * Reads an argument of `pip install` or a line of a requirements file, deciding between names, URLs and paths as pip's
 * `parse_req_from_line`. URLs, paths and archives come back as unsupported. Throws UNRECOGNISED for what pip would refuse.
 */
export function readRequirement(text: string, details: LineDetails): Requirement {
  const separator = text.indexOf(';');
  const name = (separator < 0 ? text : text.slice(0, separator)).trim();
  if (SCHEME.test(name)) return unsupported(name, details, 'URL requirement');
  if (DIRECT_NAME.test(name)) return unsupported(name, details, 'URL requirement');
  if (name.includes('/') || name.startsWith('.') || ARCHIVE.test(name.toLowerCase())) return unsupported(name, details, 'path requirement');
  const marker = separator < 0 ? '' : text.slice(separator + 1).trim();
  return fromParsed(parseRequirement(name), marker, details);
}

/** An editable requirement, which is never served. */
export function readEditable(text: string, comesFrom: string): Requirement {
  return unsupported(text.trim(), { comesFrom, hashes: [] }, 'editable requirement');
}

function fromParsed(parsed: ParsedRequirement, marker: string, details: LineDetails): Requirement {
  const { name, rawName, extras, rawExtras, specifiers } = parsed;
  const clauses = parseSpecifiers(specifiers);
  const pin = findPin(clauses, specifiers);
  return {
    name,
    rawName,
    extras,
    rawExtras,
    specifiers,
    ...(pin !== undefined && { pin }),
    ...(marker !== '' && { marker: parseMarker(marker) }),
    hashes: groupHashes(details.hashes),
    comesFrom: details.comesFrom,
    line: formatRequirement(rawName, rawExtras, clauses),
    ...(details.unsupported !== undefined && { unsupported: details.unsupported }),
  };
}

/** The version of an `==` or `===` clause that meets all the others too. */
function findPin(clauses: readonly Specifier[], specifiers: string): string | undefined {
  return clauses.find(({ operator, version }) => {
    return (operator === '==' || operator === '===') && parseVersion(version) !== undefined && satisfies(version, specifiers, { prereleases: true });
  })?.version;
}

/** As `str(packaging.requirements.Requirement)`. */
function formatRequirement(rawName: string, extras: readonly string[], clauses: readonly Specifier[]): string {
  const specifiers = clauses.map(({ operator, version }) => operator + version);
  return `${rawName}${extras.length === 0 ? '' : `[${extras.join(',')}]`}${[...new Set(specifiers)].sort().join(',')}`;
}

function groupHashes(hashes: readonly string[]): Requirement['hashes'] {
  const groups: Partial<Record<HashAlgorithm, string[]>> = {};
  for (const hash of hashes) {
    const algorithm = hash.slice(0, 6) as HashAlgorithm;
    (groups[algorithm] ??= []).push(hash.slice(7));
  }
  return groups;
}

function unsupported(text: string, details: LineDetails, reason: string): Requirement {
  const rawName = DIRECT_NAME.exec(text)?.[1] ?? '';
  return {
    name: normalName(rawName),
    rawName,
    extras: [],
    rawExtras: [],
    specifiers: '',
    hashes: groupHashes(details.hashes),
    comesFrom: details.comesFrom,
    line: withoutCredentials(text),
    unsupported: details.unsupported ?? reason,
  };
}
