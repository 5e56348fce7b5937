import { count, isA, list, maybe, object, oneOf, readA, record, text, tuple, type Shape } from '../../shape.ts';

/** The files of an installed distribution, by their rows in RECORD, as pip left them. */
export type Evidence = ReadonlyMap<string, Left>;

/** A file as pip left it: its change time in nanoseconds and its size; or which file it was (`fileIdentity`), if it was overwritten before pip ended. */
export type Left = { readonly ctimeNs: string; readonly size: number } | { readonly overwritten: string };

/**
 * In what environment pip built a wheel: its own; the one it installs into, with nothing but pip, setuptools and wheel in it, or with more;
 * its own, but PIP_CONSTRAINT had a say in what is in there.
 */
export type BuildEnvironment = 'isolated' | 'bare' | 'exposed' | 'constrained';

/** What a pip that ended with 0 has done; see observe/sitecustomize.py. */
export interface PipOutcome {
  /** By the names of `.dist-info` directories. */
  readonly installed: ReadonlyMap<string, Evidence>;
  /** By the names of projects, as pip writes them. */
  readonly built: ReadonlyMap<string, BuildEnvironment>;
}

/** Change time and size; of a file that is not there any more: inode, size, time and mode. */
type RawFiles = Readonly<Record<string, readonly [ctimeNs: string, size: number] | readonly [ino: string, size: string, mtimeNs: string, mode: string]>>;

interface RawOutcome {
  readonly version: 1;
  readonly installed?: readonly { readonly info: string; readonly files: RawFiles }[] | undefined;
  readonly built?: Readonly<Record<string, BuildEnvironment>> | undefined;
}

const PRESENT = tuple<readonly [string, number]>(text, count);
const GONE = tuple<readonly [string, string, string, string]>(text, text, text, text);
const STATE: Shape<RawFiles[string]> = (value) => (isA(GONE, value) ? undefined : PRESENT(value));

const OUTCOME: Shape<RawOutcome> = object<RawOutcome>({
  version: oneOf(1),
  installed: maybe(list(object({ info: text, files: record(STATE) }))),
  built: maybe(record(oneOf('isolated', 'bare', 'exposed', 'constrained'))),
});

/** Where a pip that reports to `report` leaves its outcome. */
export function outcomeFile(report: string): string {
  return `${report}.outcome`;
}

/** Reads the outcome of the pip that reported to `report`; undefined if it has failed, was killed, or could not be observed. */
export function readOutcome(report: string): PipOutcome | undefined {
  const outcome = readA(OUTCOME, outcomeFile(report));
  if (!outcome) return undefined;
  const { installed = [], built = {} } = outcome;
  return { installed: new Map(installed.map(({ info, files }) => [info, evidenceOf(files)])), built: new Map(Object.entries(built)) };
}

function evidenceOf(files: RawFiles): Evidence {
  return new Map(Object.entries(files).map(([row, state]) => [row, state.length === 2 ? { ctimeNs: state[0], size: state[1] } : { overwritten: state.join(':') }]));
}
