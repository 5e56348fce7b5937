import { chmodSync, existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { gzipSync } from 'node:zlib';
import { modesOf } from '../../src/npm/copy-package.ts';
import { unpackTarball } from '../../src/npm/tarball.ts';
import type { EntryFile } from '../../src/cache/entry.ts';
import { systemCode } from '../../src/errors.ts';
import { snapshotTree } from '../harness/tree.ts';
import { END } from '../archive/raw-tar.ts';
import { mustRun } from '../support/run.ts';

/** What there is in a directory: `mode size hash` by path. */
export type Listing = Readonly<Record<string, string>>;

/** What became of one tarball: what ours left or why it refused, and the same of npm. */
export interface Comparison {
  readonly ours: Listing | string;
  readonly theirs: Listing | string;
  /** What `unpackTarball` returned. */
  readonly list: readonly EntryFile[];
}

/** The directories of npm's package.json: those in PKG_CACHE_TEST_NPMS (a list like PATH), or that of the npm on PATH. */
export function npms(): string[] {
  const given = process.env['PKG_CACHE_TEST_NPMS'];
  if (given !== undefined && given !== '') return given.split(delimiter);
  const files = (process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, 'npm')).filter((file) => existsSync(file));
  // A version manager's shim is no link into an npm.
  const npm = files.map((file) => dirname(dirname(realpathSync(file)))).find((directory) => existsSync(join(directory, 'node_modules/pacote')));
  if (npm === undefined) throw new Error('there is no npm on PATH');
  return [npm];
}

/** A tarball of these members. */
export function tgzOf(...parts: readonly Buffer[]): Buffer {
  return gzipSync(Buffer.concat([...parts, END]));
}

/** Unpacks each tarball with ours and with the pacote of `npm`, as arborist asks it to, under umask 022. */
export async function compareAll(tarballs: readonly Uint8Array[], npm: string): Promise<Comparison[]> {
  const dir = mkdtempSync(join(tmpdir(), 'pkg-cache-tarball-'));
  try {
    const jobs = tarballs.map((bytes, index) => job(dir, bytes, index));
    writeFileSync(join(dir, 'jobs.json'), JSON.stringify(jobs));
    const { stdout } = await mustRun(process.execPath, [join(import.meta.dirname, 'extract.cjs'), npm, join(dir, 'jobs.json')], { env: { HOME: dir } });
    const errors = JSON.parse(stdout) as (string | null)[];
    return jobs.map(({ dest }, index) => ({ ...byUs(tarballs[index]!, join(dir, `ours-${index}`)), theirs: errors[index] ?? listingOf(dest) }));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function job(dir: string, bytes: Uint8Array, index: number): { tgz: string; dest: string } {
  const tgz = join(dir, `${index}.tgz`);
  writeFileSync(tgz, bytes);
  // npm extracts into a directory that is there already, and that may stand beside others.
  mkdirSync(join(dir, `theirs-${index}`));
  return { tgz, dest: join(dir, `theirs-${index}/package`) };
}

/** How a tar may be read: from memory, or as it is decompressed. The numbers are for `unpackTarball`. */
export const READINGS = [['in memory', 16 << 20], ['as it is read', 0]] as const;

/** Unpacks in both ways; throws when they do not come to the same. */
function byUs(bytes: Uint8Array, dest: string): Omit<Comparison, 'theirs'> {
  const [first, second] = READINGS.map(([, inMemory]) => readBy(bytes, dest, inMemory));
  const same = typeof first!.ours === 'string' ? typeof second!.ours === 'string' : isDeepStrictEqual(first, second);
  if (!same) throw new Error(`read in two ways: ${JSON.stringify(first)} and ${JSON.stringify(second)}`);
  return first!;
}

function readBy(bytes: Uint8Array, dest: string, inMemory: number): Omit<Comparison, 'theirs'> {
  try {
    const { files: list, modes } = unpackTarball(bytes, dest, inMemory);
    for (const [path, bits] of modes) chmodSync(join(dest, path), modesOf(0o022).some(bits));
    return { ours: listingOf(dest), list };
  } catch (error) {
    if (systemCode(error) !== 'ARCHIVE_INVALID') throw error;
    if (existsSync(dest)) throw new Error('what was refused left something', { cause: error });
    return { ours: (error as Error).message, list: [] };
  } finally {
    rmSync(dest, { recursive: true, force: true });
  }
}

function listingOf(directory: string): Listing {
  const entries = [...snapshotTree(directory).entries];
  return Object.fromEntries(entries.map(([path, entry]) => [path, `${entry.mode.toString(8)} ${entry.kind === 'file' ? entry.size : '-'} ${entry.content}`]));
}
