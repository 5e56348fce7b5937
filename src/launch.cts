/**
 * What the shims run: `main.cjs`. It runs the app (`app.js`) and, when that asks for them, the parts of it that are needed less often, each
 * with the bytecode that the build made of it (`app.jsc`): compiling would take longer than most of what they do. Where there is none it is
 * not missed: then the script is compiled as it goes.
 */
import fs = require('node:fs');
import vm = require('node:vm');

type Require = (id: string) => unknown;

/** What the build makes of the Node that it runs on: its `process.arch` and `process.versions`. */
declare const BUILT_ON: string;

/**
 * Whether this Node may take the bytecode. V8 itself only asks for its own version and flags, which Node 20.17 and 20.20 have in common,
 * and what the one made crashes the other. Node's own compile cache asks for version and architecture too (`src/compile_cache.cc`).
 */
const hasBytecode = BUILT_ON === `${process.arch} ${JSON.stringify(process.versions)}`;

/** What `./app.js` exports; with any other id, what Node's own `require` does. */
function load(id: string): unknown {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- there is no other way for a script
  if (!id.startsWith('./')) return require(id) as unknown;
  const filename = `${__dirname}/${id.slice(2)}`;
  const script = new vm.Script(fs.readFileSync(filename, 'latin1'), { filename, cachedData: bytecodeOf(filename) });
  return (script.runInThisContext() as (required: Require, file: string) => unknown)(load, filename);
}

function bytecodeOf(filename: string): Buffer | undefined {
  if (!hasBytecode) return undefined;
  try {
    return fs.readFileSync(`${filename}c`);
  } catch {
    return undefined;
  }
}

/** What has no use for the rest of the app, which would take it as long to load as to place a hundred packages: a thread that places them, and the real npm. */
const ALONE: Readonly<Record<string, string>> = { 'place-thread': './place.js', 'npm-inside': './inside.js' };

load(ALONE[process.argv[2] ?? ''] ?? './app.js');
