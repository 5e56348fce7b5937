import type { Row } from '../compare.ts';
import type { Env, Lab } from '../lab.ts';
import type { Way } from '../measure.ts';
import type { Set } from '../sets.ts';

/** Where a case is measured. */
export interface Bench {
  readonly lab: Lab;
  /** The source tree. */
  readonly source: string;
  /** The directory of the built benchmark. */
  readonly out: string;
  /** Of tries that take seconds; a case with quick ones makes more. */
  readonly rounds: number;
}

/** A case returns its rows of the table. */
export type Case = (bench: Bench) => Row[] | Promise<Row[]>;

/** A set from the cache or the store, into a fresh environment. Throws unless all of it was served from there. */
export function served(lab: Lab, name: string, set: Set, from: 'cached' | 'store', env: Env = {}): Way & { prepare(): void } {
  return {
    name,
    prepare: () => lab.freshVenv(),
    run: () => {
      const { took, stdout } = lab.shim(['-r', set.file], env);
      const lines = stdout.split(`(${from})`).length - 1;
      if (lines !== set.count) throw new Error(`${lines} of ${set.count} were served from the ${from}:\n${stdout}`);
      return took;
    },
    settle: () => lab.flush(env),
  };
}

/** The same set by the real pip, which has all wheels in its cache. */
export function byPip(lab: Lab, set: Set, name = 'pip, warm cache'): Way {
  return { name, prepare: () => lab.freshVenv(), run: () => lab.realPip(['-r', set.file]) };
}

/** Fills pip's cache and the local one (and the store, where `env` names one): the real pip installs, through the shim. */
export function fill(lab: Lab, set: Set, env: Env = {}): void {
  lab.freshVenv();
  lab.shim(['-r', set.file], env);
  lab.flush(env);
}
