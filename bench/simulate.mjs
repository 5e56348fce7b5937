// Simulates a fleet: node bench/simulate.mjs [--workers N] [--hours N] [--write]. See bench/simulation/main.ts.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

mkdirSync(join(root, '.cache'), { recursive: true });
const out = mkdtempSync(join(root, '.cache/simulation-'));
try {
  await build({
    absWorkingDir: root,
    entryPoints: { main: 'bench/simulation/main.ts' },
    outdir: out,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    external: ['@aws-sdk/*'],
    format: 'esm',
    platform: 'node',
    target: 'node20.17',
    logLevel: 'warning',
  });
  const { main } = await import(pathToFileURL(join(out, 'main.mjs')).href);
  process.exitCode = await main(process.argv.slice(2), root);
} finally {
  rmSync(out, { recursive: true, force: true });
}
