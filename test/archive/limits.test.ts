import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statfsSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { serialiseFiles } from '../../src/cache/entry.ts';
import { fileHeader, listHeader, MAX_OCTAL } from '../../src/archive/format.ts';
import { sha256File } from '../../src/hash.ts';
import { expectedOf, packed, tempDir } from './entries.ts';
import { WAYS } from './ways.ts';

const slow = process.env['PKG_CACHE_SLOW'] === '1';

/** A file of zeros that is larger than what packing and unpacking it may take, in bytes of memory. */
const [SIZE, LIMIT] = slow ? [2 * 2 ** 30, 250e6] : [2 ** 28, 150e6];

/** Runs child.ts, below a shell command where one is given, and returns what it says. */
function inChild(dir: string, job: object, prefix: string[] = []): { result: Record<string, unknown>; maxRss: number } {
  buildSync({ entryPoints: { child: join(import.meta.dirname, 'child.ts') }, outdir: dir, outExtension: { '.js': '.mjs' }, bundle: true, format: 'esm', platform: 'node', target: 'node20.17' });
  writeFileSync(join(dir, 'job.json'), JSON.stringify(job));
  const [command, ...args] = [...prefix, process.execPath, join(dir, 'child.mjs'), join(dir, 'job.json')];
  return JSON.parse(execFileSync(command, args, { encoding: 'utf8' })) as ReturnType<typeof inChild>;
}

describe('a file of 256 MiB (2 GiB in the slow tests)', () => {
  const parent = roomy(SIZE * 1.5);
  test.runIf(parent !== undefined)('is packed and unpacked in less memory than it has bytes', { timeout: 120_000 }, () => {
    const dir = tempDir(parent);
    const treeDir = join(dir, 'tree');
    mkdirSync(treeDir);
    writeFileSync(join(treeDir, 'sparse'), '');
    truncateSync(join(treeDir, 'sparse'), SIZE);
    const files = [{ path: 'sparse', size: SIZE, sha256: sha256File(join(treeDir, 'sparse')), executable: false }];
    const tar = join(dir, 'a.tar');
    const pack = inChild(dir, { pack: { source: { files, filesJson: serialiseFiles(files), treeDir }, dest: tar } });
    expect(pack.result).toMatchObject({ size: statSync(tar).size });
    expect(pack.maxRss * 1024).toBeLessThan(LIMIT);

    makeSparse(tar, files);
    const unpack = inChild(dir, { unpack: { path: tar, dest: join(dir, 'out'), expected: expectedOf(files), how: 'at once' } });
    expect(unpack.result).toEqual({ list: serialiseFiles(files) });
    expect(unpack.maxRss * 1024).toBeLessThan(LIMIT);
  });
});

/** Replaces an archive of one file of zeros by an equal one that takes no room. */
function makeSparse(tar: string, files: Parameters<typeof serialiseFiles>[0]): void {
  const list = Buffer.from(serialiseFiles(files));
  const size = statSync(tar).size;
  const head = Buffer.alloc(512 * 3);
  listHeader(list.length).copy(head);
  list.copy(head, 512);
  fileHeader(files[0]!).copy(head, 1024);
  expect(readFileHead(tar, head.length).equals(head)).toBe(true);
  rmSync(tar);
  writeFileSync(tar, head);
  truncateSync(tar, size);
}

function readFileHead(path: string, length: number): Buffer {
  return execFileSync('head', ['-c', String(length), path]);
}

/** tmpfs if it has the room, else the temp directory, or undefined. */
function roomy(bytes: number): string | undefined {
  return ['/dev/shm', tmpdir()].find((path) => existsSync(path) && statfsSync(path).bavail * statfsSync(path).bsize > bytes);
}

const isGnuTar = execFileSync('tar', ['--version'], { encoding: 'utf8' }).includes('GNU');

test.runIf(isGnuTar)('GNU tar reads the header of a file of 8 GiB', () => {
  const file = { path: 'n'.repeat(120), size: MAX_OCTAL + 1, executable: false };
  const tar = join(tempDir(), 'a.tar');
  writeFileSync(tar, fileHeader(file));
  truncateSync(tar, fileHeader(file).length + file.size + 1024);
  expect(execFileSync('tar', ['-tvf', tar], { encoding: 'utf8' })).toMatch(new RegExp(` ${file.size} .* tree/${file.path}\n$`));
});

/** A small tmpfs in a mount namespace of its own needs Linux and the right to mount. */
const canMount = spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs -o size=1m none /mnt'], { stdio: 'ignore' }).status === 0;

describe.runIf(canMount)('on a full disk (skipped where mounting is not allowed)', () => {
  /** Runs the job with a tmpfs of 1 MiB on `full` and says what is left there. */
  function onSmallDisk(dir: string, job: object): { result: Record<string, unknown>; left: string[] } {
    mkdirSync(join(dir, 'full'));
    const script = `mount -t tmpfs -o size=1m none "${dir}/full" && "$@" && ls "${dir}/full" > "${dir}/left"`;
    const { result } = inChild(dir, job, ['unshare', '-m', 'sh', '-c', script, 'sh']);
    return { result, left: readFileSync(join(dir, 'left'), 'utf8').split('\n').filter(Boolean) };
  }

  const BIG = Array.from({ length: 8 }, (_, i) => ({ path: `pkg/file${i}`, text: String(i).repeat(300_000) }));

  test.each(Object.keys(WAYS))('unpacking says so and leaves nothing (%s)', (how) => {
    const entry = packed(BIG);
    const job = { unpack: { path: entry.tar, dest: join(entry.dir, 'full/out'), expected: entry.expected, how } };
    expect(onSmallDisk(entry.dir, job)).toEqual({ result: { code: 'CACHE_UNUSABLE', cause: 'ENOSPC' }, left: [] });
    expect(readdirSync(join(entry.dir, 'full'))).toEqual([]);
  });

  test('packing says so and leaves nothing', () => {
    const entry = packed(BIG);
    const job = { pack: { source: entry, dest: join(entry.dir, 'full/b.tar') } };
    expect(onSmallDisk(entry.dir, job)).toEqual({ result: { code: 'CACHE_UNUSABLE', cause: 'ENOSPC' }, left: [] });
  });
});
