// Runs a benchmark: node bench/run.mjs NAME [ARGUMENTS], where bench/NAME.ts exports `run(args, self)`.
// `self` is the command that starts the same benchmark again in a process of its own.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [name, ...args] = process.argv.slice(2);
if (name === undefined || !/^[a-z-]+$/.test(name)) throw new Error('usage: node bench/run.mjs NAME [ARGUMENTS]');

mkdirSync(join(root, '.cache'), { recursive: true });
const out = mkdtempSync(join(root, '.cache/bench-'));
try {
  const outfile = join(out, `${name}.mjs`);
  await build({ absWorkingDir: root, entryPoints: [`bench/${name}.ts`], outfile, bundle: true, format: 'esm', platform: 'node', target: 'node20.17', logLevel: 'warning' });
  const { run } = await import(pathToFileURL(outfile).href);
  const start = `import(${JSON.stringify(pathToFileURL(outfile).href)}).then((module) => module.run(process.argv.slice(1)))`;
  await run(args, [process.execPath, '--input-type=module', '-e', start, '--']);
} finally {
  rmSync(out, { recursive: true, force: true });
}
