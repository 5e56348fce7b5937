// Bundles the app: src/main.ts and what it imports, without node_modules at run time.
//
//   node scripts/build.mjs [OUT]     OUT: the directory to make; dist/app if not given
//
// What is imported with `import()` stays a chunk of its own, so that a start loads only what its path needs.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = resolve(process.argv[2] ?? join(root, 'dist/app'));

// Dependencies that are CommonJS call require(), which a module does not have.
const banner = [
  "import { createRequire as pkgCacheCreateRequire } from 'node:module';",
  'const require = pkgCacheCreateRequire(import.meta.url);',
].join('\n');

/** The licence texts of the packages that the bundle's input files belong to. */
function licences(inputs) {
  const directories = new Set(inputs.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []));
  return [...directories].sort().map(licence).join('\n');
}

/** One package's name, version and licence text, or the licence's name where the package ships no text. */
function licence(directory) {
  const at = join(root, directory);
  const { name, version, license } = JSON.parse(readFileSync(join(at, 'package.json'), 'utf8'));
  const file = readdirSync(at).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file === undefined ? `${license}\n` : readFileSync(join(at, file), 'utf8');
  return `${name} ${version}\n${'='.repeat(72)}\n${text}`;
}

/** Builds beside OUT and swaps, so that a build that fails leaves the last one, and no old chunk stays. */
async function main() {
  mkdirSync(dirname(out), { recursive: true });
  const staging = mkdtempSync(join(dirname(out), '.build-'));
  try {
    const result = await build({
      absWorkingDir: root,
      // The second is the code of the threads that help to unpack (src/archive/crew.ts).
      entryPoints: { main: 'src/main.ts', 'unpack-worker': 'src/archive/unpack-worker.ts' },
      outdir: join(staging, 'new'),
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20.17',
      splitting: true,
      outExtension: { '.js': '.mjs' },
      chunkNames: '[name]-[hash]',
      minifyWhitespace: true,
      minifySyntax: true,
      legalComments: 'none',
      metafile: true,
      loader: { '.py': 'text' },
      mainFields: ['module', 'main'],
      banner: { js: banner },
      logLevel: 'warning',
    });
    writeFileSync(join(staging, 'new/LICENSES.txt'), licences(Object.keys(result.metafile.inputs)));
    if (existsSync(out)) renameSync(out, join(staging, 'old'));
    renameSync(join(staging, 'new'), out);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

await main();
