import type { Env } from '../../config.ts';

/** What recognising depends on besides argv: the npm that was called. */
export interface NpmFacts {
  readonly version: string;
  /** Its package directory. */
  readonly npmDir: string;
  /** `process.execPath` of the Node that runs it. */
  readonly nodeExecPath: string;
  /** `process.version` of that Node, with its `v`. */
  readonly nodeVersion: string;
  /** The registry that this npm has built in; only to tell whether a configured one is another. */
  readonly defaultRegistry?: string;
}

/** … and who called it, from where. */
export interface NpmWorld {
  readonly env: Env;
  readonly cwd: string;
  /** As `os.homedir()` has it. */
  readonly home: string;
  readonly platform: NodeJS.Platform;
}

/** The first that is set to something: JavaScript's `||`, as npm writes it for variables. */
export function firstSet(...values: readonly (string | undefined)[]): string | undefined {
  return values.find((value) => value !== undefined && value !== '');
}
