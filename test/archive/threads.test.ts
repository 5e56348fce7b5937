import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildSync } from 'esbuild';
import { describe, expect, test } from 'vitest';
import { Crew } from '../../src/archive/crew.ts';
import { BLOCK, padding } from '../../src/archive/format.ts';
import { piecesOf, type Piece } from '../../src/archive/members.ts';
import { TreeWriter } from '../../src/archive/tree.ts';
import { unpackEntry } from '../../src/archive/unpack.ts';
import { Work } from '../../src/archive/work.ts';
import { packed, tempDir } from './entries.ts';

/** An archive that is large, in four pieces; the first keeps a thread busy for a while. */
const LARGE = [
  { path: 'pkg/a', text: 'x'.repeat((33 << 20) + 1) },
  ...Array.from({ length: 600 }, (_, i) => ({ path: `pkg/d${i % 7}/e${i % 50}/${i}.py`, text: `x = ${i}\n`, executable: i % 9 === 0 })),
];

/** The helpers' code as the build makes it, or other code in its place. */
function helper(code?: string): URL {
  const outfile = join(tempDir(), 'unpack-worker.mjs');
  if (code === undefined) {
    const entry = join(import.meta.dirname, '../../src/archive/unpack-worker.ts');
    buildSync({ entryPoints: [entry], outfile, bundle: true, format: 'esm', platform: 'node', target: 'node20.17' });
  } else {
    writeFileSync(outfile, code);
  }
  return pathToFileURL(outfile);
}

function expectTree(dir: string, given: typeof LARGE): void {
  const found = readdirSync(join(dir, 'tree'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(found).toHaveLength(given.length);
  for (const { path, text } of given) expect(readFileSync(join(dir, 'tree', path), 'utf8') === text).toBe(true);
}

/** A copy of the archive with one bit changed. */
function spoilt({ dir, bytes }: ReturnType<typeof packed>, at: number): string {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 1;
  writeFileSync(join(dir, 'spoilt.tar'), copy);
  return join(dir, 'spoilt.tar');
}

function pieces({ files, filesJson }: ReturnType<typeof packed>): Piece[] {
  const length = Buffer.byteLength(filesJson);
  return piecesOf(files, BLOCK + length + padding(length));
}

describe.runIf(availableParallelism() > 1)('helpers (skipped with one processor)', () => {
  /** All the work done by the helpers, none by this thread. */
  async function byHelpers(entry: ReturnType<typeof packed>, path: string): Promise<string> {
    const out = tempDir();
    const crew = Crew.start(helper());
    const tree = TreeWriter.create(join(out, 'tree'));
    tree.makeDirectories(entry.files);
    const work = new Work(pieces(entry));
    crew.announce(Buffer.from(entry.filesJson));
    crew.begin({ path, tree: tree.share(), trusted: false, pieces: work.pieces, counters: work.counters });
    try {
      await crew.finish();
    } finally {
      await crew.dismiss();
    }
    expect(work.isDone).toBe(true);
    return out;
  }

  test('do the same as the thread they help', async () => {
    const entry = packed(LARGE);
    expectTree(await byHelpers(entry, entry.tar), LARGE);
  });

  test('refuse what it would refuse, and say what the system says', async () => {
    const entry = packed(LARGE);
    const last = pieces(entry).at(-1)!;
    await expect(byHelpers(entry, spoilt(entry, last.end - 1))).rejects.toThrow(expect.objectContaining({ code: 'ARCHIVE_INVALID' }));
    const failure = { code: 'CACHE_UNUSABLE', cause: expect.objectContaining({ code: 'ENOENT' }) };
    await expect(byHelpers(entry, join(entry.dir, 'gone.tar'))).rejects.toThrow(expect.objectContaining(failure));
  });

  test('one that goes away in the middle of its work makes the whole fail, and nothing is left', async () => {
    const entry = packed(LARGE);
    const out = join(entry.dir, 'out');
    const code = helper(`
      import { parentPort } from 'node:worker_threads';
      parentPort.once('message', () => parentPort.once('message', ({ counters }) => { Atomics.add(counters, 0, 1); process.exit(); }));`);
    // On a busy machine the helper may start too late to get a piece.
    const again = async (): Promise<void> => {
      for (let round = 0; round < 20; round++) {
        await unpackEntry({ path: entry.tar }, out, entry.expected, { helper: code });
        rmSync(out, { recursive: true });
      }
    };
    await expect(again()).rejects.toThrow(expect.objectContaining({ code: 'CACHE_UNUSABLE' }));
    expect(existsSync(out)).toBe(false);
  });
});

test('two threads give the same files as one', async () => {
  const entry = packed(LARGE);
  for (const code of [helper(), helper('throw new Error("no")'), pathToFileURL(join(entry.dir, 'missing.mjs'))]) {
    const out = join(tempDir(), 'out');
    expect(await unpackEntry({ path: entry.tar }, out, entry.expected, { helper: code, trusted: true })).toEqual(entry.files);
    expectTree(out, LARGE);
  }
});

test('a large archive that is wrong in any of its pieces is refused, and nothing is left', async () => {
  const entry = packed(LARGE);
  const code = helper();
  const places = [...pieces(entry).flatMap(({ start, end }) => [start, end - 1]), entry.bytes.length - 1];
  for (const at of places) {
    const out = join(entry.dir, 'out');
    const path = spoilt(entry, at);
    await expect(unpackEntry({ path }, out, entry.expected, { helper: code, trusted: true })).rejects.toThrow(expect.objectContaining({ code: 'ARCHIVE_INVALID' }));
    expect(existsSync(out)).toBe(false);
  }
});

test('a directory that was there before is left alone', async () => {
  const entry = packed(LARGE);
  const out = join(entry.dir, 'out');
  mkdirSync(out);
  await expect(unpackEntry({ path: entry.tar }, out, entry.expected, { helper: helper() })).rejects.toThrow(expect.objectContaining({ code: 'CACHE_UNUSABLE' }));
  expect(readdirSync(out)).toEqual([]);
});
