import { anyText, count, finite, flag, hash256, isA, list, maybe, object, oneOf, parseA, record, text, tuple, type Shape } from '../../shape.ts';

/** What the process that is to be npm is told, in a file. */
export interface Plan {
  readonly cacheDir: string;
  /** Of the process and of npm's settings together. */
  readonly umask: number;
  /** npm's cache. */
  readonly npmCache: string;
  /** The project. */
  readonly prefix: string;
  /** Ids of the entries of packages, by integrity. */
  readonly packages: Readonly<Record<string, string>>;
  /** Ids of the entries of packages as their install scripts leave them, by location. */
  readonly built: Readonly<Record<string, string>>;
  /** Where to write the report. */
  readonly report: string;
}

/** What the process is told that is npm but for installing. */
export interface ScriptsPlan {
  /** The project, with its tree in place. */
  readonly prefix: string;
  readonly command: 'ci' | 'install';
  /** Locations of packages whose install scripts are to be run. */
  readonly runs: readonly string[];
}

/** What the process that was npm has seen, in a file. */
export interface Report {
  /** How many packages were put in place out of the cache. */
  readonly placed: number;
  /** Install scripts of packages. */
  readonly scripts: readonly ScriptRun[];
  /** Warnings about install scripts that nobody has reviewed yet. */
  readonly unreviewed: readonly (readonly [title: string, text: string])[];
}

/** An install script of a package that was run, or was spared because what it makes was there already. */
export interface ScriptRun {
  readonly location: string;
  readonly event: string;
  readonly spared: boolean;
  /** Epoch milliseconds; `ended` is undefined for one that failed. */
  readonly began: number;
  readonly ended?: number;
}

/** Reads a report, or undefined where there is none, or half of one. */
export function parseReport(json: string): Report | undefined {
  return parseA(REPORT, json);
}

const PLAN = object<Plan>({
  cacheDir: text,
  umask: count,
  npmCache: text,
  prefix: text,
  packages: record(hash256),
  built: record(hash256),
  report: text,
});

const SCRIPTS_PLAN = object<ScriptsPlan>({ prefix: text, command: oneOf('ci', 'install'), runs: list(text) });

/** Of either plan: that of what npm is to run alone has `runs`. */
export const ANY_PLAN: Shape<Plan | ScriptsPlan> = (value) => (isA(SCRIPTS_PLAN, value) ? undefined : PLAN(value));

/** What scripts and npm have said is shown by `plainText`, which writes out what a terminal would obey. */
const REPORT = object<Report>({
  placed: count,
  scripts: list(object<ScriptRun>({ location: text, event: text, spared: flag, began: finite, ended: maybe(finite) })),
  unreviewed: list(tuple<readonly [string, string]>(anyText, anyText)),
});
