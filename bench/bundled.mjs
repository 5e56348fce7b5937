// Bundles a program of this directory, and runs its `main`.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/** `entryPoints` has `main`, and what else must lie beside it in the directory `out` while it runs. Sets the exit code. */
export async function runBundled(entryPoints) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  mkdirSync(join(root, '.cache'), { recursive: true });
  const out = mkdtempSync(join(root, '.cache/bench-'));
  try {
    await build({
      absWorkingDir: root,
      entryPoints,
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
    process.exitCode = await main(process.argv.slice(2), { root, out });
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}
