import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { packEntry } from '../../src/archive/pack.ts';
import { serialiseFiles } from '../../src/cache/entry.ts';
import { LocalCache } from '../../src/cache/local.ts';
import { staged, tempCache, tempDir } from '../cache/support.ts';
import { keyOf } from './support.ts';
import type { Job } from './unpack-child.ts';

interface How {
  readonly dies?: boolean;
  /** The command to run it below, with its arguments. */
  readonly prefix?: readonly string[];
  /** Of the cache. */
  readonly directory?: string;
}

/** Runs unpack-child.ts on an archive of 20 MiB. */
function inProcess({ dies = false, prefix = [], directory = join(tempDir(), 'cache') }: How): SpawnSyncReturns<string> & { cache: LocalCache } {
  const dir = tempDir();
  const from = tempCache();
  const contents = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`lib/package_${i % 7}/file_${i}.bin`, String(i % 10).repeat(512 << 10)]));
  const local = staged(from, { key: keyOf(0), contents }).publish();
  const files = from.files(local);
  packEntry({ files, filesJson: serialiseFiles(files), treeDir: join(local.dir, 'tree') }, join(dir, 'a.tar'));
  buildSync({ entryPoints: { child: join(import.meta.dirname, 'unpack-child.ts') }, outdir: dir, outExtension: { '.js': '.mjs' }, bundle: true, format: 'esm', platform: 'node', target: 'node20.17' });
  const job: Job = { directory, path: join(dir, 'a.tar'), entry: local.entry, dies };
  writeFileSync(join(dir, 'job.json'), JSON.stringify(job));
  const [command, ...args] = [...prefix, process.execPath, join(dir, 'child.mjs'), join(dir, 'job.json')];
  return { ...spawnSync(command, args, { encoding: 'utf8', timeout: 60_000 }), cache: new LocalCache(directory) };
}

it('real threads make an entry of a large archive', () => {
  const { stdout, stderr, cache } = inProcess({});
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({ made: true, threads: 2, staging: [] });
  expect(cache.lookup(keyOf(0))?.entry.count).toBe(40);
});

it('a process that is killed in the middle leaves nothing that is seen, and what it leaves is swept', () => {
  const { signal, cache } = inProcess({ dies: true });
  expect(signal).toBe('SIGKILL');
  expect(readdirSync(cache.path('staging'), { recursive: true }).some((name) => String(name).endsWith('.bin'))).toBe(true);
  expect([...cache.ids()]).toEqual([]);
  cache.sweep();
  expect(readdirSync(cache.path('staging'))).toEqual([]);
});

/** A small tmpfs in a mount namespace of its own needs Linux and the right to mount. */
const canMount = spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs -o size=1m none /mnt'], { stdio: 'ignore' }).status === 0;

describe.runIf(canMount)('on a full disk (skipped where mounting is not allowed)', () => {
  it('both threads end, and nothing is left', () => {
    const full = join(tempDir(), 'full');
    mkdirSync(full);
    const script = `mount -t tmpfs -o size=8m none "${full}" && "$@"`;
    const { stdout, stderr } = inProcess({ directory: join(full, 'cache'), prefix: ['unshare', '-m', 'sh', '-c', script, 'sh'] });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ code: 'CACHE_UNUSABLE', cause: 'ENOSPC', threads: 2, staging: [] });
  });
});
