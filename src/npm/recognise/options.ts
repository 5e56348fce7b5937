import { INERT } from './keys-inert.ts';
import { PASSTHROUGH } from './keys-passthrough.ts';
import { type NpmKey, SERVED } from './keys-served.ts';
import { compareVersions } from './version.ts';

/** Every key of the definitions of npm 10.8 to 12.2. docs/compatibility.md repeats it, and a test compares the two. */
export const optionTable: readonly NpmKey[] = [...SERVED, ...PASSTHROUGH, ...INERT];

/** What a command line or configuration of one npm may hold. */
export interface Vocabulary {
  /** Keys by name, as that npm has them. */
  readonly keys: ReadonlyMap<string, NpmKey>;
  /** Command line words that stand for other words. */
  readonly shorthands: ReadonlyMap<string, readonly string[]>;
}

/** Words that npm replaces by others on the command line, besides the keys' own letters (`definitions/index.js`). */
const SHORTHANDS: readonly (readonly [string, readonly string[]])[] = [
  ['enjoy-by', ['--before']],
  ['d', ['--loglevel', 'info']],
  ['dd', ['--loglevel', 'verbose']],
  ['ddd', ['--loglevel', 'silly']],
  ['quiet', ['--loglevel', 'warn']],
  ['q', ['--loglevel', 'warn']],
  ['s', ['--loglevel', 'silent']],
  ['silent', ['--loglevel', 'silent']],
  ['verbose', ['--loglevel', 'verbose']],
  ['desc', ['--description']],
  ['help', ['--usage']],
  ['local', ['--no-global']],
  ['n', ['--no-yes']],
  ['no', ['--no-yes']],
  ['porcelain', ['--parseable']],
  ['readonly', ['--read-only']],
  ['reg', ['--registry']],
  ['iwr', ['--include-workspace-root']],
  ['ws', ['--workspaces']],
];

/** The vocabulary of an npm that `traitsOf` knows. */
export function vocabularyOf(version: string): Vocabulary {
  const keys = optionTable.filter((key) => exists(key, version)).map((key) => asOf(key, version));
  const letters = keys.flatMap((key) => key.short.map((letter) => [letter, [`--${key.name}`]] as const));
  return { keys: new Map(keys.map((key) => [key.name, key])), shorthands: new Map([...SHORTHANDS, ...letters]) };
}

function exists({ since, until }: NpmKey, version: string): boolean {
  return (since === undefined || compareVersions(version, since) >= 0) && (until === undefined || compareVersions(version, until) < 0);
}

function asOf(key: NpmKey, version: string): NpmKey {
  const older = key.older?.find(({ since, until }) => compareVersions(version, since ?? '0.0.0') >= 0 && compareVersions(version, until) < 0);
  return older === undefined ? key : { ...key, ...older, since: '0.0.0' };
}
