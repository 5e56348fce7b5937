import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packEntry } from '../../src/archive/pack.ts';
import { LAYOUT, serialiseFiles, type Entry, type EntryFile } from '../../src/cache/entry.ts';
import { compare } from '../compare.ts';
import { measure, timed, type Way } from '../measure.ts';
import type { Case } from './case.ts';

const FILES = 20_000;
const BYTES = 500_000_000;

/**
 * Making an entry of one archive of 20,000 files and 500 MB, as a pull does it: ours against GNU tar, each try in a new process. GNU tar is
 * timed with its start; ours without that of Node and of the threads, which an install has behind it when the archive has arrived.
 */
export const unpack: Case = ({ lab, source, out, rounds }) => {
  const archive = lab.path('unpack.tar');
  const entry = makeArchive(lab.path('unpack-tree'), archive);
  const [cache, into] = [lab.path('unpack-cache'), lab.path('unpacked')];
  const prepare = (): void => [cache, into].forEach((path) => rmSync(path, { recursive: true, force: true }));
  const args = [join(out, 'unpack-once.mjs'), join(source, 'dist/app/main.cjs'), archive, JSON.stringify(entry)];
  const ours = (name: string, how: string): Way => ({
    name,
    prepare,
    run: () => Number(execFileSync(process.execPath, [...args, how], { encoding: 'utf8', env: { ...lab.env(false, { PKG_CACHE_DIR: cache }) } })),
  });
  const [tar, threads, starting, single, hashing] = ['GNU tar', 'unpacking 20,000 files, 500 MB', 'the same, with the start of the threads', 'the same, in one thread', 'the same, in one thread, hashing every file'];
  const byTar: Way = {
    name: tar,
    prepare: () => {
      prepare();
      mkdirSync(into);
    },
    run: () => timed(() => execFileSync('tar', ['-xf', archive, '-C', into])),
  };
  const times = measure([byTar, ours(threads, 'threads'), ours(starting, 'starting threads'), ours(single, 'one thread'), ours(hashing, 'hashing')], rounds);
  prepare();
  rmSync(archive);
  return [compare(times, threads, threads, tar, { kind: 'ratio', limit: 1 }), compare(times, starting, starting, tar), compare(times, single, single, tar), compare(times, hashing, hashing, tar)];
};

/** A tree like site-packages: many small files, few big ones; sizes grow with a power of a sequence. */
function makeArchive(treeDir: string, archive: string): Entry {
  const noise = randomBytes(1 << 20);
  const weights = Array.from({ length: FILES }, (_, i) => ((i * 7919) % FILES) ** 6);
  const scale = BYTES / weights.reduce((a, b) => a + b, 0);
  const files = weights.map((weight, i) => makeFile(treeDir, i, Math.floor(weight * scale), noise));
  const filesJson = serialiseFiles(files);
  const { sha256 } = packEntry({ files, filesJson, treeDir }, archive);
  rmSync(treeDir, { recursive: true });
  return {
    layout: LAYOUT,
    key: { ecosystem: 'pip', name: 'large', version: '1', platform: 'any', origin: 'benchmark' },
    version: '1.0',
    archive: { filename: 'large-1.0-py3-none-any.whl', sha256 },
    size: files.reduce((total, file) => total + file.size, 0),
    count: FILES,
    files: hex(filesJson),
    meta: null,
  };
}

function makeFile(treeDir: string, i: number, size: number, noise: Buffer): EntryFile {
  const path = `package_${i % 100}/subpackage_${i % 1500}/some_module_${i}${i % 2 ? '.py' : '.cpython-312.pyc'}`;
  const bytes = noise.subarray(0, size);
  mkdirSync(dirname(join(treeDir, path)), { recursive: true });
  writeFileSync(join(treeDir, path), bytes);
  const mtime = i % 2 ? { mtime: 1_700_000_000 + i } : {};
  return { path, size: bytes.length, sha256: hex(bytes), executable: i % 50 === 0, ...mtime };
}

function hex(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
