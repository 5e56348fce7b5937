// Runs the benchmarks: node bench/run.mjs [CASE…] [--rounds N] [--write]. See bench/main.ts.
import { runBundled } from './bundled.mjs';

await runBundled({ main: 'bench/main.ts', 'unpack-once': 'bench/unpack-once.ts' });
