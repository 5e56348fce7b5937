import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { removeTree } from '../../cache/sweep.ts';
import type { InstallContext, Outcome } from '../../context.ts';
import { PkgCacheError } from '../../errors.ts';
import type { SourceOf } from '../announce.ts';
import type { Installation, Placement } from '../place/place.ts';
import type { Layout } from '../python/schemes.ts';
import { observed } from '../observe.ts';
import { isConsoleScript } from '../python/interpreter.ts';
import { generateScripts } from '../scripts.ts';
import { sourcesOf, type Understood } from '../understand.ts';
import { compareVersions } from '../version.ts';
import code from './inside.py';
import { keepOverwritten } from '../collect/overwritten.ts';
import type { SetAside } from '../../place/undo.ts';
import type { Answer, PlaceQuestion, Plan, PlannedEntry, Question } from './plan.ts';

/** Why the cache cannot be inside of the pip that was called; undefined if it can. */
export function whyNotInside({ tool }: Pick<InstallContext, 'tool'>): string | undefined {
  return isConsoleScript(tool) ? undefined : `${tool} is not pip's own script`;
}

/** How a pip ended that had the cache inside. */
export interface Ran {
  readonly outcome: Outcome;
  readonly placed: readonly Placement[];
  /** What could not be placed, and why: this pip failed because of us. */
  readonly failure: string | undefined;
  /** How long it took to answer it, in milliseconds. */
  readonly ms: number;
}

export interface RunRequest {
  readonly context: InstallContext;
  readonly understood: Understood;
  readonly installation: Installation;
  /** What the cache has of the set. */
  readonly placements: readonly Placement[];
  readonly sourceOf: SourceOf;
  /** Where pip is to report to. */
  readonly report: string | undefined;
  /** Says something to a user who wants to know much. */
  readonly note: (text: string) => void;
}

/** As in inside.py. `-c` puts the working directory first on the path of modules, where a stranger's checkout may have a `json.py`. */
const BOOTSTRAP = `
import sys
by_path = sys.path[:1] == ['']
if by_path: del sys.path[0]
with open(sys.argv[1], 'rb') as file: code = file.read()
exec(compile(code, sys.argv[1], 'exec'))
`;

/**
 * Runs the real pip with the cache inside (inside.py): it asks this process for what it would download otherwise. The interpreter is the one that
 * pip's script names. Throws UNRECOGNISED or the system's error if the plan cannot be written, before pip runs.
 */
export async function runPipInside(request: RunRequest): Promise<Ran> {
  const { context, understood, report } = request;
  const directory = privateDirectory(context);
  try {
    const script = join(directory, 'inside.py');
    writeFileSync(script, code, { mode: 0o600, flag: 'wx' });
    writeFileSync(join(directory, 'plan.json'), JSON.stringify(planOf(request)), { mode: 0o600, flag: 'wx' });
    const delivery = new Delivery(request);
    const env = report === undefined ? context.env : observed(context.env, report);
    const args = ['-c', BOOTSTRAP, script, context.tool, ...context.argv];
    const outcome = await context.runInside(understood.caller.executable, args, env, delivery.answer);
    if (report !== undefined) keepOverwritten(report, delivery.overwritten);
    return { outcome, placed: delivery.placed, failure: delivery.failure, ms: delivery.ms };
  } finally {
    removeTree(directory);
  }
}

/**
 * A new directory in the cache for what the interpreter will run: beside the target, whoever may write there could put something else in its
 * place. The sweep of reports removes what a killed process has left.
 */
function privateDirectory(context: InstallContext): string {
  const report = context.newReport();
  if (report === undefined) throw new PkgCacheError('UNRECOGNISED', 'the cache cannot be written, as a mixed set wants it');
  mkdirSync(`${report}.inside`, { mode: 0o700 });
  return `${report}.inside`;
}

function planOf({ understood, placements, sourceOf }: RunRequest): Plan {
  const { request } = understood;
  const [source] = sourcesOf(request).filter((url) => /^https?:/.test(url));
  return {
    runsOtherPython: request.python !== undefined,
    entries: placements.map(({ entry: { entry, dir } }): PlannedEntry => {
      const { meta, archive, version, key } = entry;
      return {
        name: key.name,
        version,
        sha256: archive.sha256,
        url: source === undefined ? undefined : `${source.replace(/\/*$/, '')}/${key.name}/${encodeURIComponent(archive.filename)}#sha256=${archive.sha256}`,
        built: meta.built,
        info: join(dir, 'tree', meta.lib, meta.distInfo),
        scripts: generateScripts(meta.consoleScripts, [], { executable: '', platform: '', template: '', pythonVersion: versionOf(understood) }).map(({ name }) => name),
        source: sourceOf(entry),
      };
    }),
  };
}

function versionOf({ python: { facts } }: Understood): readonly [number, number] {
  return [facts.version[0], facts.version[1]];
}

/** Until pip 23.1, no wheel that was built from an sdist counts where hashes are required: pip builds anew. */
export function isDeliverable({ entry: { entry } }: Placement, { request, python }: Understood): boolean {
  return !entry.meta.built || !request.requireHashes || compareVersions(python.pip.version, '23.1') >= 0;
}

/** Answers what the pip with the cache inside asks. */
class Delivery {
  readonly placed: Placement[] = [];
  readonly overwritten: SetAside[] = [];
  failure: string | undefined;
  ms = 0;
  readonly #request: RunRequest;

  constructor(request: RunRequest) {
    this.#request = request;
  }

  /** Answers a line of JSON with another one. Never throws. */
  readonly answer = (line: string): string => {
    const began = Date.now();
    try {
      return JSON.stringify(this.#answer(JSON.parse(line) as Question));
    } catch (error) {
      return JSON.stringify({ why: messageOf(error) } satisfies Answer);
    } finally {
      this.ms += Date.now() - began;
    }
  };

  #answer(question: Question): Answer {
    if ('stage' in question) return this.#stage(question.stage);
    if ('place' in question) return this.#place(question);
    this.#request.note(question.note);
    return {};
  }

  #stage(number: number): Answer {
    const placement = this.#request.placements[number];
    if (!placement) return {};
    this.#request.installation.stage(placement);
    return { staged: true };
  }

  /** pip has to have decided all that is in the staged files as it was foreseen. */
  #place({ place, scheme, requested, compile, direct }: PlaceQuestion): Answer {
    const { understood, installation, placements } = this.#request;
    const placement = placements[place];
    if (!placement) return {};
    const asForeseen = placement.requested === requested && compile === understood.request.compile && !direct && isLayout(understood.layoutOf(placement.displayName), scheme);
    try {
      if (!asForeseen) throw new Error('pip installs it in another way than foreseen');
      this.overwritten.push(...installation.placeStaged(placement));
    } catch (error) {
      this.failure = `${placement.displayName} cannot be placed: ${messageOf(error)}`;
      return { why: `pkg-cache: ${this.failure}` };
    }
    this.placed.push(placement);
    return { placed: true };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function isLayout({ actual }: Layout, scheme: Readonly<Record<string, string>>): boolean {
  return Object.entries(actual).every(([key, path]) => isSame(path as string, scheme[key]));
}

function isSame(path: string, other: string | undefined): boolean {
  return other !== undefined && (path === other || real(path) === real(other));
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return dirname(path) === path ? path : join(real(dirname(path)), path.slice(dirname(path).length));
  }
}
