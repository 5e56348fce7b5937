import { readFileSync } from 'node:fs';

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
  readonly version?: number;
  readonly installed?: readonly { readonly info: string; readonly files: RawFiles }[];
  readonly built?: Readonly<Record<string, BuildEnvironment>>;
}

/** Where a pip that reports to `report` leaves its outcome. */
export function outcomeFile(report: string): string {
  return `${report}.outcome`;
}

/** Reads the outcome of the pip that reported to `report`; undefined if it has failed, was killed, or could not be observed. */
export function readOutcome(report: string): PipOutcome | undefined {
  try {
    const { version, installed = [], built = {} } = JSON.parse(readFileSync(outcomeFile(report), 'utf8')) as RawOutcome;
    if (version !== 1) return undefined;
    return { installed: new Map(installed.map(({ info, files }) => [info, evidenceOf(files)])), built: new Map(Object.entries(built)) };
  } catch {
    return undefined;
  }
}

function evidenceOf(files: RawFiles): Evidence {
  return new Map(Object.entries(files).map(([row, state]) => [row, state.length === 2 ? { ctimeNs: state[0], size: state[1] } : { overwritten: state.join(':') }]));
}
