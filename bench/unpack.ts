/**
 * Unpacking one archive of 20,000 files and 500 MB: ours against GNU tar, on tmpfs, alternating, each try in a new process.
 * GNU tar is timed with its start, ours without that of Node. `trusted` compares headers only, `hashed` every file's hash, too.
 *
 *     node bench/run.mjs unpack [ROUNDS]
 */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { packEntry } from '../src/archive/pack.ts';
import { unpackEntry, type Expected } from '../src/archive/unpack.ts';
import { serialiseFiles, type EntryFile } from '../src/cache/entry.ts';

const FILES = 20_000;
const BYTES = 500_000_000;

type Tries = Record<'tar' | 'trusted' | 'hashed', number[]>;

/** With `child DIR WAY`, one timed try: milliseconds on stdout. Else the whole benchmark, for which `self` starts tries. */
export function run(args: string[], self: string[] = []): void {
  if (args[0] === 'child') return unpackOnce(args[1]!, args[2] === 'trusted');
  const dir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'pkg-cache-bench-'));
  try {
    makeArchive(dir);
    report(compare(dir, self, Number(args[0] ?? 7)));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function compare(dir: string, [command, ...args]: string[], rounds: number): Tries {
  const tries: Tries = { tar: [], trusted: [], hashed: [] };
  const ours = (way: string) => Number(execFileSync(command!, [...args, 'child', dir, way], { encoding: 'utf8' }));
  tarOnce(dir); // warms the page cache
  for (let round = 0; round < rounds; round++) {
    tries.tar.push(tarOnce(dir));
    tries.trusted.push(ours('trusted'));
    tries.hashed.push(ours('hashed'));
  }
  return tries;
}

function report(tries: Tries): void {
  for (const [name, times] of Object.entries(tries)) {
    const ratio = median(times.map((time, round) => time / tries.tar[round]!));
    process.stdout.write(`${name.padEnd(8)} ${median(times).toFixed(0).padStart(5)} ms   ${ratio.toFixed(2)} x GNU tar\n`);
  }
}

function unpackOnce(dir: string, trusted: boolean): void {
  const expected = JSON.parse(readFileSync(join(dir, 'expected.json'), 'utf8')) as Expected;
  const out = join(dir, 'ours');
  const took = timed(() => unpackEntry({ path: join(dir, 'a.tar') }, out, expected, { trusted }));
  rmSync(out, { recursive: true });
  process.stdout.write(`${took}`);
}

function tarOnce(dir: string): number {
  const out = join(dir, 'tar');
  mkdirSync(out);
  const took = timed(() => execFileSync('tar', ['-xf', join(dir, 'a.tar'), '-C', out]));
  rmSync(out, { recursive: true });
  return took;
}

/** A tree like site-packages: many small files, few big ones; sizes grow with the square of a sequence. */
function makeArchive(dir: string): void {
  const noise = randomBytes(1 << 20);
  const weights = Array.from({ length: FILES }, (_, i) => ((i * 7919) % FILES) ** 6);
  const scale = BYTES / weights.reduce((a, b) => a + b, 0);
  const files = weights.map((weight, i) => makeFile(join(dir, 'tree'), i, Math.floor(weight * scale), noise));
  const filesJson = serialiseFiles(files);
  packEntry({ files, filesJson, treeDir: join(dir, 'tree') }, join(dir, 'a.tar'));
  rmSync(join(dir, 'tree'), { recursive: true });
  const size = files.reduce((total, file) => total + file.size, 0);
  writeFileSync(join(dir, 'expected.json'), JSON.stringify({ filesHash: hex(filesJson), size, count: FILES }));
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

function timed(action: () => void): number {
  const start = performance.now();
  action();
  return performance.now() - start;
}

function median(numbers: number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}
