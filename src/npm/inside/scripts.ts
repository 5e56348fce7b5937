import { relative } from 'node:path';
import { isInstalled } from '../lockfile.ts';
import { INSTALL_EVENTS } from './events.ts';
import type { Placer } from './placer.ts';
import type { ScriptRun } from './plan.ts';

export interface ScriptOptions {
  readonly event: string;
  /** Directory of the package. */
  readonly path: string;
  readonly [more: string]: unknown;
}

/** `@npmcli/run-script`: resolves when a script has succeeded. Other functions hang on it. */
export type RunScript = ((options: ScriptOptions) => Promise<unknown>) & Readonly<Record<string, unknown>>;

/** What install scripts were run, and what npm had to say about them (lib/utils/reify-output.js; the title depends on npm's version). */
export class ScriptLog {
  readonly runs: ScriptRun[] = [];
  readonly unreviewed: [title: string, text: string][] = [];

  /** A line of npm's log (proc-log). */
  heard(level: string, title: unknown, message: unknown): void {
    if (level === 'warn' && (title === 'install-scripts' || title === 'allow-scripts') && typeof message === 'string') this.unreviewed.push([title, message]);
  }

  async running<T>(location: string, event: string, spared: boolean, work: () => Promise<T>): Promise<T> {
    const began = Date.now();
    const index = this.runs.push({ location, event, spared, began }) - 1;
    const result = await work();
    this.runs[index] = { location, event, spared, began, ended: Date.now() };
    return result;
  }
}

/** run-script, but that a package's install scripts are spared when the cache has what they make. Scripts of the project are always run. */
export function runScriptWith(placer: Placer, log: ScriptLog, prefix: string, runScript: RunScript): RunScript {
  if (typeof runScript !== 'function') return runScript;
  const replacement = async (options: ScriptOptions): Promise<unknown> => {
    const location = relative(prefix, options.path);
    if (!INSTALL_EVENTS.some((event) => event === options.event) || !isInstalled(location)) return await runScript(options);
    const spared = placer.placeBuilt(location, options.path);
    return await log.running(location, options.event, spared, async () => (spared ? NOTHING_TO_TELL : await runScript(options)));
  };
  return Object.assign(replacement, runScript);
}

/** What run-script resolves to for a script that has printed nothing. */
const NOTHING_TO_TELL = { args: [], code: 0, signal: null, stdout: '', stderr: '' };
