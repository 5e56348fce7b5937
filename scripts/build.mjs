// Bundles the app, without node_modules at run time.
//
//   node scripts/build.mjs [OUT]     OUT: the directory to make; dist/app if not given
//
//   main.cjs            src/launch.cts: runs the scripts
//   app.js              src/main.ts and what it imports: all that pip needs for an install from the local cache
//   npm.js, cli.js, …   what is imported with `import()`, each with its own copy of what it shares with others
//   *.jsc               bytecode of the scripts, for the Node that builds
//   observe/            src/pip/observe: what an observed pip runs first
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Script } from 'node:vm';
import { build } from 'esbuild';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const out = resolve(process.argv[2] ?? join(root, 'dist/app'));

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

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20.17',
  minifyWhitespace: true,
  minifySyntax: true,
  legalComments: 'none',
  metafile: true,
  loader: { '.py': 'text' },
  alias: {
    cliui: join(root, 'node_modules/cliui/build/index.cjs'), // for yargs: cliui's ESM breaks lines of help within words
    debug: join(root, 'scripts/no-debug.cjs'),
  },
  logLevel: 'warning',
};

/** What `src/launch.cts` compares with the Node that it runs on. */
const builtOn = `${process.arch} ${JSON.stringify(process.versions)}`;

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** The scripts, and where they begin. */
const scripts = { app: 'src/main.ts', npm: 'src/npm/install.ts', serve: 'src/npm/serve.ts', 'run-npm': 'src/npm/run-npm.ts', package: 'src/npm/package.ts', place: 'src/npm/place-thread.ts', inside: 'src/npm/inside/main.ts', cli: 'src/cli/main.ts', thread: 'src/cli/unpack-thread.ts', remote: 'src/fleet/remote.ts', s3: 'src/store/s3.ts', 's3-proxy': 'src/store/s3-proxy.ts' };

/** What is imported with `import()` is a script of its own. */
const scriptsApart = {
  name: 'scripts-apart',
  setup({ onResolve }) {
    onResolve({ filter: /\.ts$/ }, ({ path, kind, resolveDir }) => {
      if (kind !== 'dynamic-import') return undefined;
      const found = Object.entries(scripts).find(([, file]) => join(root, file) === join(resolveDir, path));
      return found ? { path: `./${found[0]}.js`, external: true } : { errors: [{ text: `${path} is not among the scripts of the build` }] };
    });
  },
};

/** A script's value is a function of `require` and its own path, which returns what it exports. */
const asFunction = {
  banner: { js: "(function(require,file){const module={exports:{}},exports=module.exports,scriptUrl=require('node:url').pathToFileURL(file).href;" },
  footer: { js: 'return module.exports})' },
  define: { 'import.meta.url': 'scriptUrl', VERSION: JSON.stringify(version) },
  supported: { 'dynamic-import': false }, // the function is given a `require` that runs scripts
};

async function bundle(directory) {
  const results = await Promise.all([
    build({ ...common, define: { BUILT_ON: JSON.stringify(builtOn) }, entryPoints: { main: 'src/launch.cts' }, outdir: directory, format: 'cjs', outExtension: { '.js': '.cjs' } }),
    build({ ...common, ...asFunction, entryPoints: scripts, outdir: directory, format: 'cjs', plugins: [scriptsApart], mainFields: ['module', 'main'] }),
  ]);
  for (const name of Object.keys(scripts)) writeFileSync(join(directory, `${name}.jsc`), compile(join(directory, `${name}.js`)));
  return results.flatMap(({ metafile }) => Object.keys(metafile.inputs));
}

/** The bytecode of a script with all its functions, as this Node makes it. */
function compile(path) {
  setFlagsFromString('--no-lazy');
  try {
    const script = new Script(readFileSync(path, 'latin1'), { filename: path });
    // Bytecode is only taken by a Node that has the same flags as the one that made it.
    setFlagsFromString('--lazy');
    return script.createCachedData();
  } finally {
    setFlagsFromString('--lazy');
  }
}

/** Python would write bytecode of it into `__pycache__`, as whoever installs something and wherever this lies: a file of that name keeps it out. */
function copyObserver(directory) {
  mkdirSync(directory);
  copyFileSync(join(root, 'src/pip/observe/sitecustomize.py'), join(directory, 'sitecustomize.py'));
  writeFileSync(join(directory, '__pycache__'), '');
}

/** Builds beside OUT and swaps, so that a build that fails leaves the last one, and no old chunk stays. */
async function main() {
  mkdirSync(dirname(out), { recursive: true });
  const staging = mkdtempSync(join(dirname(out), '.build-'));
  const fresh = join(staging, 'new');
  try {
    writeFileSync(join(fresh, 'LICENSES.txt'), licences(await bundle(fresh)));
    copyObserver(join(fresh, 'observe'));
    if (existsSync(out)) renameSync(out, join(staging, 'old'));
    renameSync(fresh, out);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

await main();
