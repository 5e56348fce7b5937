import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { packEntry } from '../../src/archive/pack.ts';
import type { Expected } from '../../src/archive/unpack.ts';
import { serialiseFiles, type EntryFile } from '../../src/cache/entry.ts';
import { compare } from '../compare.ts';
import { measure, timed, type Way } from '../measure.ts';
import type { Case } from './case.ts';

const FILES = 20_000;
const BYTES = 500_000_000;

/**
 * Unpacking one archive of 20,000 files and 500 MB: ours against GNU tar, each try in a new process. GNU tar is timed with its start,
 * ours without that of Node, which an install has behind it by then.
 */
export const unpack: Case = ({ lab, out, rounds }) => {
  const archive = lab.path('unpack.tar');
  const expected = makeArchive(lab.path('unpack-tree'), archive);
  const into = lab.path('unpacked');
  const prepare = (): void => rmSync(into, { recursive: true, force: true });
  const ours = (name: string, trusted: boolean): Way => ({
    name,
    prepare,
    run: () => Number(execFileSync(process.execPath, [join(out, 'unpack-once.mjs'), archive, into, JSON.stringify(expected), String(trusted)], { encoding: 'utf8' })),
  });
  const [tar, plain, hashing] = ['GNU tar', 'unpacking 20,000 files, 500 MB', 'the same, hashing every file'];
  const byTar: Way = {
    name: tar,
    prepare: () => {
      prepare();
      mkdirSync(into);
    },
    run: () => timed(() => execFileSync('tar', ['-xf', archive, '-C', into])),
  };
  const times = measure([byTar, ours(plain, true), ours(hashing, false)], rounds);
  for (const path of [into, archive]) rmSync(path, { recursive: true });
  return [compare(times, plain, plain, tar, { kind: 'ratio', limit: 1 }), compare(times, hashing, hashing, tar)];
};

/** A tree like site-packages: many small files, few big ones; sizes grow with a power of a sequence. */
function makeArchive(treeDir: string, archive: string): Expected {
  const noise = randomBytes(1 << 20);
  const weights = Array.from({ length: FILES }, (_, i) => ((i * 7919) % FILES) ** 6);
  const scale = BYTES / weights.reduce((a, b) => a + b, 0);
  const files = weights.map((weight, i) => makeFile(treeDir, i, Math.floor(weight * scale), noise));
  const filesJson = serialiseFiles(files);
  packEntry({ files, filesJson, treeDir }, archive);
  rmSync(treeDir, { recursive: true });
  return { filesHash: hex(filesJson), size: files.reduce((total, file) => total + file.size, 0), count: FILES };
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
