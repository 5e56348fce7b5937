import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { treeOf, type Tree } from '../../../e2e/support/tree.ts';
import { remove } from '../../../e2e/support/world.ts';
import { Worker } from '../../../e2e/support/worker.ts';
import { startIndex } from '../../../support/index-server.ts';
import { run, type Outcome } from '../../../support/run.ts';
import type { Sandbox } from '../../../support/sandbox.ts';
import type { Venv } from '../../../support/venv.ts';
import { Chance } from './chance.ts';
import { chooseCommand, makeAbsolute, type Command } from './command.ts';
import type { Environments } from './environments.ts';
import { makeProjects, type Project } from './projects.ts';

/** What came of a command, as far as it is to be the same. */
interface Result {
  readonly code: number | undefined;
  readonly tree: Tree;
  readonly said: string | undefined;
}

export interface Round {
  readonly command: Command;
  readonly projects: readonly Project[];
  readonly real: Result;
  readonly shim: Result;
  /** How many distributions were served. */
  readonly served: number;
  readonly output: string;
}

export interface Setting {
  readonly box: Sandbox;
  readonly shims: string;
  readonly environments: Environments;
}

/** Commands of one episode. */
export const ROUNDS = 5;

/**
 * An index of odd projects, a worker whose cache holds some of them, and a few commands: each by the real pip first, and then, in the same
 * place with all as it was, through the shim. All that is chosen is chosen by the seed.
 */
export async function episode(seed: number, { box, shims, environments }: Setting, rounds = ROUNDS): Promise<Round[]> {
  const chance = new Chance(seed);
  const kind = chance.pick(environments.kinds);
  const [root, directory] = [box.root, join(box.root, 'environment')];
  const archives = join(root, 'archives');
  const cache = join(root, 'cache');
  for (const path of [archives, cache]) remove(path);
  mkdirSync(archives);
  const projects = makeProjects(chance, archives, environments.minorOf(kind));
  const index = await startIndex(archives);
  const env = { ...box.env, PIP_INDEX_URL: index.url, PIP_RETRIES: '0', PIP_ROOT_USER_ACTION: 'ignore' };
  const worker = new Worker(shims, { ...env, PKG_CACHE_DIR: cache });
  try {
    await fill(chance, worker, projects, () => environments.restore(kind));
    const done: Round[] = [];
    for (let round = 0; round < rounds; round++) {
      const command = chooseCommand(chance, { environments, projects, kind, directory, root });
      done.push(await compare(command, { worker, projects, root, environments, env }));
    }
    return done;
  } finally {
    await index.stop();
  }
}

/** Some of the projects, one by one or all at once. */
async function fill(chance: Chance, worker: Worker, projects: readonly Project[], fresh: () => Venv): Promise<void> {
  const chosen = chance.some(projects, 70).map(({ name, versions }) => `${name}==${chance.pick(versions)}`);
  const sets = chance.flip(50) ? [chosen] : chosen.map((one) => [one]);
  for (const set of sets) {
    await worker.pip(fresh(), ['install', '--no-deps', '-q', ...set]);
    await worker.settle();
  }
}

interface Scene {
  readonly worker: Worker;
  readonly projects: readonly Project[];
  readonly root: string;
  readonly environments: Environments;
  readonly env: Readonly<Record<string, string | undefined>>;
}

async function compare(command: Command, { worker, projects, root, environments, env }: Scene): Promise<Round> {
  const venv = environments.restore(command.kind);
  const home = join(venv.dir, 'home');
  mkdirSync(home);
  const real = { ...env, HOME: home, PATH: [venv.bin, env['PATH']].join(delimiter) };
  await prepare(command, venv, root, real);
  if (command.chmod !== undefined) execFileSync('sh', ['-c', `find "$1" -path '*/tree/*' -type f -exec chmod ${command.chmod} {} +`, 'sh', worker.cache]);
  const invoke = (PATH: string): Promise<Outcome> =>
    run('sh', ['-c', `umask ${command.umask}; exec pip "$@"`, 'sh', ...command.args], { cwd: venv.dir, env: { ...real, ...worker.env, HOME: home, ...command.env, PATH } });
  execFileSync('cp', ['-a', venv.dir, `${venv.dir}.kept`]);
  const expected = resultOf(await invoke(real.PATH), venv);
  remove(venv.dir);
  renameSync(`${venv.dir}.kept`, venv.dir);
  const outcome = await invoke([worker.shims, real.PATH].join(delimiter));
  const shim = resultOf(outcome, venv);
  await worker.settle();
  const served = outcome.stdout.split('\n').filter((line) => line.endsWith(' (cached)')).length;
  return { command, projects, real: expected, shim, served, output: `${outcome.stdout}${outcome.stderr}` };
}

/** Brings an environment into the state that a command finds, without the cache. */
async function prepare({ before, absolute, beside }: Command, venv: Venv, root: string, env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const pip = (args: readonly string[]): Promise<Outcome> => run('pip', ['install', '-q', '--no-deps', ...args], { cwd: venv.dir, env });
  if (before.length > 0) await pip(before);
  if (absolute) makeAbsolute(venv, before.map((pin) => pin.split('==')[0] ?? ''));
  if (beside === undefined) return;
  const elsewhere = join(root, 'elsewhere');
  remove(elsewhere);
  await pip(['--target', elsewhere, beside]);
  writeFileSync(join(venv.sitePackages, 'elsewhere.pth'), `${elsewhere}\n`);
}

/**
 * What a failed install has left counts, not what it has said. Where a part is served, pip has lines of its own for that part; the last line
 * is for all.
 */
function resultOf({ code, stdout }: Outcome, venv: Venv): Result {
  const said = stdout.split('\n').findLast((line) => line.startsWith('Successfully installed'));
  const tree = Object.fromEntries(Object.entries(treeOf(venv.dir)).filter(([path]) => !path.startsWith('home/.cache')));
  return { code, tree, said: code === 0 ? said : undefined };
}
