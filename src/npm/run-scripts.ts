import { rmSync, writeFileSync } from 'node:fs';
import gte from 'semver/functions/gte.js';
import type { InstallContext } from '../context.ts';
import type { ScriptsPlan } from './inside/plan.ts';
import { OLDEST_NODE } from './inside/oldest-node.ts';
import type { Project } from './project.ts';
import type { NpmRequest } from './recognise/request.ts';

/** The scripts of a tree that was put in place have not succeeded: npm is to install it anew, and to say what is wrong, or to do without. */
export class ScriptsFailed extends Error {}

/** Whether install scripts can be run here without an install. */
export function canRunScripts({ nodeVersion }: NpmRequest): boolean {
  return gte(nodeVersion, OLDEST_NODE);
}

/** Runs the install scripts of packages that are in place, given by location, in a process that is npm but for installing. Throws `ScriptsFailed`. */
export async function runScripts(context: InstallContext, request: NpmRequest, { directory }: Project, runs: readonly string[]): Promise<void> {
  const file = context.newReport();
  if (file === undefined) throw new ScriptsFailed();
  try {
    writeFileSync(file, JSON.stringify({ prefix: directory, command: request.command, runs } satisfies ScriptsPlan), { mode: 0o600 });
    const outcome = await context.runTool(context.env, { node: request.scriptEnv['NODE'] ?? '', plan: file });
    if (!('code' in outcome) || outcome.code !== 0) throw new ScriptsFailed();
  } finally {
    process.umask(0o022); // which it was, and is not when the tool has run
    rmSync(file, { force: true });
  }
}
