// Simulates a fleet: node bench/simulate.mjs [--workers N] [--hours N] [--write]. See bench/simulation/main.ts.
import { runBundled } from './bundled.mjs';

await runBundled({ main: 'bench/simulation/main.ts' });
