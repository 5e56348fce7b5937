import { existsSync, rmSync } from 'node:fs';
import { abandonedThrowaways, makeThrowaway } from '../../cache/throwaway.ts';
import { homeDirectory } from '../../config.ts';
import { PkgCacheError } from '../../errors.ts';
import { isLogRecord, logFiles } from '../../log.ts';
import { installedByNpm, installLockfile, installWithNpm } from '../add/npm.ts';
import { installedByPip, installWithPip } from '../add/pip.ts';
import { withoutStrays } from '../add/shim.ts';
import type { Installed, Wish } from '../add/wish.ts';
import type { Command } from '../command.ts';
import { describeRemainder, flushSpool } from '../flush.ts';
import { formatCount } from '../terminal.ts';
import { openWorld, type World } from '../world.ts';

interface Options {
  readonly requirement?: readonly string[] | undefined;
  readonly file?: readonly string[] | undefined;
  readonly python?: string | undefined;
  readonly '--'?: readonly string[] | undefined;
}

const NOTES = `The real pip or npm installs the set into a throw-away environment, through the shim: what is in the cache or in the store comes from there,
the rest is downloaded, and all of it is in the cache afterwards, and stored. For pip that is a virtual environment of the same interpreter. For a
lockfile it is a copy of package.json (and those of workspaces), lockfile and .npmrc; the project's own scripts are not run. What follows -- goes to
the tool; an npm ci that is to be served whole must be given the same.`;

export const add: Command<Options> = {
  command: 'add [requirement..]',
  describe: 'Put packages into the cache (and the store) without installing them anywhere',
  builder: (argv) =>
    argv
      .usage('$0 add [--python P] [requirement..] [-r FILE] [-- ARG…]\n\nPuts packages into the cache (and the store) without installing them anywhere.')
      .positional('requirement', { type: 'string', array: true, describe: "pip's: requests==2.32.4; npm's: npm:left-pad@1.3.0; or a package-lock.json" })
      .option('file', { alias: 'r', type: 'string', array: true, requiresArg: true, describe: 'A requirements file, or a package-lock.json' })
      .option('python', { type: 'string', requiresArg: true, describe: 'The interpreter, or virtual environment, that it is for; that of pip on PATH if not given' })
      .example('$0 add -r requirements.txt', 'in a Dockerfile: what is installed later comes from the cache')
      .example('$0 add package-lock.json -- --omit=dev', 'what npm ci --omit=dev will want')
      .example('$0 add --python .venv flask==3.1.0', 'with its dependencies, as pip finds them now')
      .example('$0 add npm:typescript@5.9.3', 'one package of npm'),
  exits: '0 all of it is in the cache, 1 something is not (it says why), or could not be stored; otherwise that of pip or npm',
  notes: NOTES,
  run: async ({ requirement = [], file = [], python, '--': more = [] }) => {
    const umask = process.umask(0o022); // trees of npm are known by it, too
    const world = openWorld({ afresh: true });
    let code = 0;
    for (const step of stepsFor(requirement, file, python, more)) code = Math.max(code, await take(step, world, umask));
    return code;
  },
};

interface Step {
  readonly kind: 'pip' | 'npm' | 'lockfile';
  readonly wish: Wish;
}

/** All of pip in one go, so that it finds versions that go together; all named packages of npm, too; and each lockfile. */
function stepsFor(words: readonly string[], files: readonly string[], python: string | undefined, more: readonly string[]): Step[] {
  const isLockfile = (word: string): boolean => word.endsWith('.json');
  const ofNpm = words.filter((word) => word.startsWith('npm:')).map((word) => word.slice('npm:'.length));
  const ofPip = words.filter((word) => !word.startsWith('npm:') && !isLockfile(word)).map((word) => word.replace(/^pip:/, ''));
  const stray = ofPip.find((word) => word.endsWith('.txt') && existsSync(word));
  if (stray !== undefined) throw new PkgCacheError('USAGE', `${stray} is a file`, { hint: `write -r ${stray}` });
  const wish = { words: [], files: [], python, more };
  const requirements = files.filter((file) => !isLockfile(file));
  const steps: Step[] = [
    ...(ofPip.length + requirements.length > 0 ? [{ kind: 'pip' as const, wish: { ...wish, words: ofPip, files: requirements } }] : []),
    ...(ofNpm.length > 0 ? [{ kind: 'npm' as const, wish: { ...wish, words: ofNpm } }] : []),
    ...[...words, ...files].filter(isLockfile).map((file) => ({ kind: 'lockfile' as const, wish: { ...wish, files: [file] } })),
  ];
  if (steps.length === 0) throw new PkgCacheError('USAGE', 'nothing to add was named');
  if (steps.length > 1 && more.length > 0) throw new PkgCacheError('USAGE', 'arguments behind `--` are for one tool, and there are several here');
  return steps;
}

/** What earlier ones left that were killed goes first; `clean` takes it, too. */
async function take({ kind, wish }: Step, world: World, umask: number): Promise<number> {
  const { cache } = world;
  const env = withoutStrays(world.env);
  for (const path of abandonedThrowaways(cache)) rmSync(path, { recursive: true, force: true });
  const directory = makeThrowaway(cache);
  const surroundings = { env, cwd: process.cwd(), home: homeDirectory(), cache };
  const began = new Date().toISOString();
  const before = new Set(cache.ids());
  try {
    const [file = ''] = wish.files;
    const code = await (kind === 'pip' ? installWithPip(wish, directory, surroundings, umask) : kind === 'npm' ? installWithNpm(wish, directory, env, umask) : installLockfile(file, wish, directory, env, umask));
    const left = describeRemainder(await flushSpool(world));
    if (code !== 0) return code;
    const added = [...cache.ids()].filter((id) => !before.has(id)).length;
    return tell(kind === 'pip' ? installedByPip(directory, surroundings) : installedByNpm(directory, cache), added, whyNot(world, began), left);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What the background process has said since then about what it has not cached. */
function whyNot({ cache }: World, since: string): string[] {
  const files = logFiles(cache);
  const records = files.days().slice(-2).flatMap((day) => files.read(day).filter(isLogRecord));
  return records.filter(({ time, level, message }) => time >= since && level === 'warn' && message.startsWith('not cached')).map(({ message }) => message);
}

function tell(installed: readonly Installed[], added: number, reasons: readonly string[], left: string | undefined): number {
  const missing = installed.filter(({ entry }) => entry === undefined);
  console.log(`${installed.length - missing.length} of ${formatCount(installed.length, 'package')} in the cache, ${formatCount(added, 'new entry', 'new entries')}`);
  for (const reason of reasons) console.error(`pkg-cache: ${reason}`);
  if (missing.length > 0 && reasons.length === 0) console.error(`pkg-cache: not cached: ${missing.map(({ what }) => what).join(', ')}`);
  if (left !== undefined) console.error(`pkg-cache: ${left}. The next install or flush tries again.`);
  return missing.length === 0 && left === undefined ? 0 : 1;
}
