import { readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PkgCacheError } from '../errors.ts';
import type { NpmFacts } from './recognise/world.ts';
import { findOnPath } from '../on-path.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * Finds out which npm lies at `tool`, and which Node will run it: npm's own script begins with `#!/usr/bin/env node`. Throws UNRECOGNISED for
 * anything else (a version manager's shim, a wrapper), which may do what it likes.
 */
export function factsOf(tool: string, env: Env): NpmFacts {
  const script = realpathSync(tool);
  if (!script.endsWith('/bin/npm-cli.js') || !readFileSync(script, 'utf8').startsWith('#!/usr/bin/env node\n')) throw unrecognised(`${tool} is not npm's own script`);
  const npmDir = dirname(dirname(script));
  const { name, version } = JSON.parse(readFileSync(join(npmDir, 'package.json'), 'utf8')) as { name?: string; version?: string };
  if (name !== 'npm' || version === undefined) throw unrecognised(`${npmDir} is not npm`);
  const nodeExecPath = realpathSync(findOnPath('node', env));
  return { version, npmDir, nodeExecPath, nodeVersion: versionOf(nodeExecPath) };
}

/** `process.versions.modules` of a Node: what native addons are built for. */
export function abiOf(node: string): string {
  return node === realpathSync(process.execPath) ? process.versions.modules : ask(node, ['--print', 'process.versions.modules']);
}

function versionOf(node: string): string {
  return node === realpathSync(process.execPath) ? process.version : ask(node, ['--version']);
}

function ask(node: string, args: readonly string[]): string {
  return process.getBuiltinModule('node:child_process').execFileSync(node, args, { encoding: 'utf8', timeout: 10_000, stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

function unrecognised(why: string): PkgCacheError {
  return new PkgCacheError('UNRECOGNISED', why);
}
