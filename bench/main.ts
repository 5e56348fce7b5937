import { parseArgs } from 'node:util';
import type { Case } from './cases/case.ts';
import { hitLarge } from './cases/hit-large.ts';
import { hitSmall } from './cases/hit-small.ts';
import { miss } from './cases/miss.ts';
import { npmHit, npmMiss, npmStoreHit, npmVersion } from './cases/npm.ts';
import { storeHit } from './cases/store-hit.ts';
import { store } from './cases/store.ts';
import { unpack } from './cases/unpack.ts';
import { version } from './cases/version.ts';
import { warm } from './cases/warm.ts';
import type { Row } from './compare.ts';
import { Lab } from './lab.ts';
import { machine, results, writePage } from './report.ts';

const CASES: Readonly<Record<string, Case>> = { version, 'hit-small': hitSmall, 'hit-large': hitLarge, 'store-hit': storeHit, warm, miss, unpack, 'npm-version': npmVersion, 'npm-hit': npmHit, 'npm-store-hit': npmStoreHit, 'npm-miss': npmMiss, store };

const USAGE = `usage: npm run bench -- [CASE…] [--rounds N] [--write]

cases: ${Object.keys(CASES).join(' ')}; all of them but store if none is given
       (PKG_CACHE_BENCH_ENTRIES, PKG_CACHE_BENCH_OTHER: see bench/cases/store.ts)
--rounds N   pairs of tries (default 5); quick cases make more
--write      put the result into docs/benchmarks.md; only with all cases
`;

/** Runs the cases and prints a markdown table; returns the exit code. `out` is the directory of the built benchmark. */
export async function main(args: readonly string[], { root: source, out }: { root: string; out: string }): Promise<number> {
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options: { rounds: { type: 'string', default: '5' }, write: { type: 'boolean', default: false } } });
  const rounds = Number(values.rounds);
  const names = positionals.length > 0 ? positionals : Object.keys(CASES).filter((name) => name !== 'store'); // which compares with another checkout
  const usable = Number.isSafeInteger(rounds) && rounds > 0 && names.every((name) => name in CASES) && !(values.write && positionals.length > 0);
  if (!usable) {
    process.stderr.write(USAGE);
    return 2;
  }
  const lab = new Lab(source);
  try {
    const rows: Row[] = [];
    for (const name of names) {
      process.stderr.write(`${name}\n`);
      rows.push(...(await CASES[name]!({ lab, source, out, rounds })));
    }
    const line = machine(lab);
    process.stdout.write(results(rows, line));
    if (values.write) writePage(source, rows, line);
    return 0;
  } finally {
    lab.dispose();
  }
}
