import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onTestFinished } from 'vitest';
import { recogniseNpm } from '../../../src/npm/recognise/argv.ts';
import type { NpmRecognition, NpmRequest } from '../../../src/npm/recognise/request.ts';
import type { NpmFacts, NpmWorld } from '../../../src/npm/recognise/world.ts';

const SCRIPT = fileURLToPath(new URL('real_npm.cjs', import.meta.url));

/** The npm on PATH, and those whose package directories PKG_CACHE_TEST_NPMS lists (like PATH). */
export async function realNpms(): Promise<NpmFacts[]> {
  // Asked of npm itself: it need not be where it installs what is global, nor beside its node.
  const found = execFileSync('npm', ['exec', '-c', 'echo "$npm_execpath"'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  const more = (process.env['PKG_CACHE_TEST_NPMS'] ?? '').split(':').filter((path) => path !== '');
  return await Promise.all([dirname(dirname(found)), ...more].map(async (path) => await factsOf(realpathSync(path))));
}

/** As if under a Node that all of them support. */
async function factsOf(npmDir: string): Promise<NpmFacts> {
  const { version } = JSON.parse(readFileSync(join(npmDir, 'package.json'), 'utf8')) as { version: string };
  const [words] = await ask<{ keys: Record<string, { default: string }> }>(npmDir, [null]);
  return { version, npmDir, nodeExecPath: process.execPath, nodeVersion: 'v26.0.0', defaultRegistry: words?.keys['registry']?.default ?? '' };
}

/** A question for `real_npm.cjs`; null asks for npm's vocabulary. */
export type Question = { readonly argv: readonly string[]; readonly env: Record<string, string>; readonly cwd: string } | null;

export async function ask<A>(npmDir: string, questions: readonly Question[]): Promise<A[]> {
  const asking = promisify(execFile)(process.execPath, [SCRIPT], { encoding: 'utf8', maxBuffer: 1 << 28 });
  asking.child.stdin?.end(JSON.stringify({ npmDir, questions }));
  return JSON.parse((await asking).stdout) as A[];
}

/** A directory that is gone when the test ends, holding `files` by their relative paths; a name that ends with `/` is a directory. */
export function directory(files: Readonly<Record<string, string | Buffer>> = {}): string {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'recognise-')));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  fill(root, files);
  return root;
}

export function fill(root: string, files: Readonly<Record<string, string | Buffer>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(name.endsWith('/') ? join(root, name) : dirname(join(root, name)), { recursive: true });
    if (!name.endsWith('/')) writeFileSync(join(root, name), content);
  }
}

/** An npm of some version, without a configuration of its own. */
export function facts(version = '11.19.1'): NpmFacts {
  return { version, npmDir: '/none/lib/node_modules/npm', nodeExecPath: '/none/bin/node', nodeVersion: 'v26.0.0' };
}

/** A world in which only `root` exists: home, and the working directory below it. */
export function world(root: string, env: NpmWorld['env'] = {}, cwd = root): NpmWorld {
  return { env: { HOME: root, ...env }, cwd, home: root, platform: 'linux' };
}

/** Recognises a command line that is written with spaces. */
export function recogniseLine(line: string, where: NpmWorld, npm = facts()): NpmRecognition {
  return recogniseNpm(line.split(' ').filter((word) => word !== ''), npm, where);
}

/** The request of a command line that must be recognised as an install. */
export function requestOf(line: string, where: NpmWorld, npm = facts()): NpmRequest {
  const recognition = recogniseLine(line, where, npm);
  if (recognition.kind !== 'install') throw new Error(`not an install: ${JSON.stringify(recognition)}`);
  return recognition.request;
}
