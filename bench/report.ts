import { writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { table, type Row } from './compare.ts';
import type { Lab } from './lab.ts';

/** The machine and the tools, on one line. */
export function machine(lab: Lab): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  const load = loadavg()[0]!.toFixed(1);
  return `${availableParallelism()} × ${model}, ${memory}; ${process.platform} ${process.arch}; ${lab.versions()}; ${new Date().toISOString().slice(0, 10)}; load average at the end ${load}`;
}

/** What is printed, and what `docs/benchmarks.md` has of it. */
export function results(rows: readonly Row[], line: string): string {
  return `${line}\n\n${table(rows)}\n`;
}

/** Writes the page of the documentation. */
export function writePage(source: string, rows: readonly Row[], line: string): void {
  writeFileSync(join(source, 'docs/benchmarks.md'), `${HEAD}\n${results(rows, line)}\n${METHOD}`);
}

const HEAD = `# Benchmarks

Written by \`npm run bench -- --write\`.
`;

const METHOD = `## How this is measured

- Everything lies on tmpfs (\`/dev/shm\`; without one, in the temporary directory): environments, caches, the store. Disks would add the same to each side.
- The ways of a case take turns in one session, A B A B, after a round that is not counted. Times are medians; ratios and differences are taken pair by
  pair, and the median, least and most of these are given. A target is met when the median is within it.
- A try begins with the start of the command and ends with its exit. Before each, the environment is put back to what \`python -m venv\` makes; that is not timed.
- A try counts only if it was what it claims to be: every package of a hit says \`(cached)\` or \`(store)\`.
- "local hit" is the steady state of a worker: the background process has had time to make ready copies (\`pkg-cache flush\` between the rounds, not
  timed), and the install renames them into place. An install that comes before that copies: "without ready copies". "Hardlinked" is
  \`PKG_CACHE_LINK_MODE=hardlink\`, where installed files share their bytes with the cache.
- uv runs \`--offline\` with a warm cache on the same file system. It leaves no bytecode unless told to; pip, and what we place, always has it.
- pip has every wheel in its own cache; it still asks the index for the pages of the projects, unless it has them from a moment ago.
- "Unpacking" is the app's own code against \`tar -xf\` with the same archive, which lies in memory. The archive's hash has been checked while it was
  downloaded, so its files are not hashed again; the last row says what that would cost.
- A miss ends when pip ends. What it installed is snapshotted afterwards, in the background, and that is waited for before the next try.

With few cores, and other work on the machine, times vary by a factor of two from minute to minute: compare numbers within a row, not between rows, and look
at least and most. The set of 150 wheels is \`bench/sets/wheels-cp312.txt\`; the smaller ones are parts of it.
`;
