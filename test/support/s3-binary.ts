import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, rmdirSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface S3Binary {
  readonly kind: 'versitygw' | 'moto';
  readonly path: string;
}

const run = promisify(execFile);

export const VERSITYGW = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';
export const MOTO_PACKAGE = 'moto[server]==5.2.1';

/** Belongs to this checkout. Not below node_modules, which `npm ci` of an installation removes while other tests run. */
export const MADE = fileURLToPath(new URL('../../.cache/test-servers', import.meta.url));
const BUILT = join(MADE, 'bin', 'versitygw');
const MOTO = join(MADE, 'moto', 'bin', 'moto_server');

/** Longer than any build; a lock that is older was left by a process that died. */
const STALE_MS = 15 * 60_000;

/**
 * An S3 server to run: versitygw from PATH, or built once per checkout with Go; without Go, moto from a virtual
 * environment of its own. Test files that ask at the same time wait for one build.
 */
export async function s3Binary(): Promise<S3Binary> {
  const installed = onPath('versitygw');
  if (installed !== undefined) return { kind: 'versitygw', path: installed };
  return ready() ?? (await locked(async () => ready() ?? (await build())));
}

function ready(): S3Binary | undefined {
  if (existsSync(BUILT)) return { kind: 'versitygw', path: BUILT };
  if (onPath('go') === undefined && existsSync(MOTO)) return { kind: 'moto', path: MOTO };
  return undefined;
}

async function build(): Promise<S3Binary> {
  const go = onPath('go');
  if (go === undefined) return await buildMoto();
  const env = { ...process.env, GOBIN: join(MADE, 'bin') };
  console.info('building versitygw, once for this checkout; this takes some minutes');
  try {
    await run(go, ['install', VERSITYGW], { env });
    return { kind: 'versitygw', path: BUILT };
  } catch (error) {
    console.info(`versitygw cannot be built, using moto: ${String(error)}`);
    return await buildMoto();
  }
}

async function buildMoto(): Promise<S3Binary> {
  const venv = join(MADE, 'moto');
  if (!existsSync(MOTO)) {
    await run('python3', ['-m', 'venv', venv]);
    await run(join(venv, 'bin', 'pip'), ['install', '-q', MOTO_PACKAGE]);
  }
  return { kind: 'moto', path: MOTO };
}

/** A directory is the lock: `mkdir` has one winner. */
async function locked<T>(work: () => Promise<T>): Promise<T> {
  const lock = join(MADE, 'lock');
  mkdirSync(MADE, { recursive: true });
  while (!tryMkdir(lock)) {
    if (isStale(lock)) rmdirSync(lock);
    await sleep(500);
  }
  try {
    return await work();
  } finally {
    rmdirSync(lock);
  }
}

function tryMkdir(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch {
    return false;
  }
}

function isStale(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats !== undefined && Date.now() - stats.mtimeMs > STALE_MS;
}

function onPath(name: string): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((directory) => join(directory, name))
    .find((path) => isExecutable(path));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
