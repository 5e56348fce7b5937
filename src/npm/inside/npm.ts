import { realpathSync, writeFileSync } from 'node:fs';
import Module from 'node:module';
import { dirname, resolve } from 'node:path';
import { LocalCache } from '../../cache/local.ts';
import { readA } from '../../shape.ts';
import { extractWith, type Extract } from './extract.ts';
import { Placer } from './placer.ts';
import { runOnlyScripts } from './only-scripts.ts';
import { ANY_PLAN, type Plan } from './plan.ts';
import { runScriptWith, ScriptLog, type RunScript } from './scripts.ts';

/**
 * Becomes the real npm: this process is then as if its script had been called as `TOOL ARG…`, but that unpacking a tarball which the cache has
 * unpacked already is putting it in place, and that install scripts whose outcome the cache has are spared. npm does all the rest itself:
 * what goes where, links, bins, the other scripts, lockfiles and words. Where an npm does not have the two functions that are replaced, or the
 * plan is gone (somebody has cleaned up the cache directory), it is simply the real npm.
 *
 * The way in is what `require` returns inside of npm: `extract` of pacote (lib/index.js) and the function that is @npmcli/run-script.
 */
export function becomeNpm([file = '', tool = '', ...argv]: readonly string[]): void {
  const plan = readA(ANY_PLAN, file);
  const script = realpathSync(tool);
  process.argv = [process.execPath, resolve(tool), ...argv];
  if (plan && 'runs' in plan) return void runOnlyScripts(plan, dirname(dirname(script)));
  if (plan) follow(plan, dirname(dirname(script)));
  load(script, null, true);
}

/** Has the npm in `directory` do what the plan says, and reports on that when it ends. */
function follow(plan: Plan, directory: string): void {
  const placer = new Placer(plan, new LocalCache(plan.cacheDir));
  const log = new ScriptLog();
  replaceModules(directory, {
    pacote: (exports) => extractWith(placer, exports as { extract: Extract }),
    '@npmcli/run-script': (exports) => runScriptWith(placer, log, plan.prefix, exports as RunScript),
  });
  process.on('log' as never, ((level: string, title: unknown, message: unknown) => log.heard(level, title, message)) as never);
  process.on('exit', () => tryToReport(plan.report, { placed: placer.placed, scripts: log.runs, unreviewed: log.unreviewed }));
}

type Load = (request: string, parent: { readonly filename?: string } | null, isMain: boolean) => unknown;

/** As Node itself loads modules; `isMain` makes it the program (lib/internal/modules/cjs/loader.js). */
const loader = Module as unknown as { _load: Load };
const load: Load = (...args) => loader._load(...args);

/** Has modules that are required inside of `directory` replaced by what is made of their exports. */
function replaceModules(directory: string, replacements: Readonly<Record<string, (exports: unknown) => unknown>>): void {
  const original = loader._load;
  const replaced = new Map<unknown, unknown>();
  loader._load = function (this: unknown, request, parent, isMain) {
    const exports = original.call(this, request, parent, isMain);
    const replace = Object.hasOwn(replacements, request) ? replacements[request] : undefined;
    if (replace === undefined || parent?.filename?.startsWith(`${directory}/`) !== true) return exports;
    if (!replaced.has(exports)) replaced.set(exports, replace(exports));
    return replaced.get(exports);
  };
}

function tryToReport(path: string, report: unknown): void {
  try {
    writeFileSync(path, JSON.stringify(report));
  } catch {
    // Without a report nothing is learnt from this run.
  }
}
