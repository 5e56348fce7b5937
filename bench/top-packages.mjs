// Tries the most downloaded projects: node bench/top-packages.mjs MINOR… See bench/top-packages/main.ts.
import { runBundled } from './bundled.mjs';

await runBundled({ main: 'bench/top-packages/main.ts' });
