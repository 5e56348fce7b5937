import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { python, type Python } from '../../test/support/pythons.ts';
import { Environment } from './environment.ts';
import { sweep, type Result } from './sweep.ts';
import { writePage } from './page.ts';

const USAGE = `usage: npm run top-packages -- MINOR… [--again] [--only NAME,…] [--part I/N] [--prefix DIR] [--write]

Installs each of the projects in bench/sets/top-packages.txt by the real pip and from the cache, and compares. What is known
from a run before, in .cache/top-packages, is not done again.
MINOR        versions of CPython, one after the other: 3.9 3.11
--again      do those again that were not equal
--only       only these projects, again
--part       only the I-th of N parts of them, so that several processes share the work
--prefix     an installation to be tried (default: install.sh makes one)
--write      put what is known into docs/top-packages.md
`;

/** Projects that are not tried, and why. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  pip: 'the installer that does the work is there already; test/slow/fidelity tries it',
  torch: 'an archive of more than 300 MB',
};

/** Projects at once. */
const AT_ONCE = 12;

/** Returns the exit code. */
export async function main(args: readonly string[], { root: source }: { root: string }): Promise<number> {
  const options = { again: { type: 'boolean', default: false }, write: { type: 'boolean', default: false }, only: { type: 'string' }, part: { type: 'string', default: '1/1' }, prefix: { type: 'string' } } as const;
  const { values, positionals } = parseArgs({ args: [...args], allowPositionals: true, options });
  if (positionals.length === 0 && !values.write) {
    process.stderr.write(USAGE);
    return 2;
  }
  const state = join(source, '.cache/top-packages');
  mkdirSync(state, { recursive: true });
  const projects = readFileSync(join(source, 'bench/sets/top-packages.txt'), 'utf8').split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  for (const minor of positionals) {
    const known = readResults(state, minor);
    const done = (project: string): boolean => project in LEFT_OUT || (values.again ? known.get(project)?.outcome === 'equal' : known.has(project));
    const wanted = values.only === undefined ? projects.filter((project) => !done(project)) : values.only.split(',');
    const [part = 1, parts = 1] = values.part.split('/').map(Number);
    sweepOne(state, minor, wanted.filter((_project, index) => index % parts === part - 1), join(values.prefix ?? install(source, state), 'shims'));
  }
  if (values.write) writePage(source, projects, (minor) => readResults(state, minor));
  return 0;
}

function sweepOne(state: string, minor: string, projects: readonly string[], shims: string): void {
  const interpreter = python(minor);
  if (!interpreter) throw new Error(`no CPython ${minor}; name one in PKG_CACHE_TEST_PYTHONS`);
  const environment = new Environment(state, interpreter, shims);
  try {
    sweepWith(environment, state, interpreter, projects);
  } finally {
    environment.dispose();
  }
}

function sweepWith(environment: Environment, state: string, { minor, path }: Python, projects: readonly string[]): void {
  for (let at = 0; at < projects.length; at += AT_ONCE) {
    for (const result of sweep(environment, path, projects.slice(at, at + AT_ONCE))) {
      appendFileSync(join(state, `${minor}.jsonl`), `${JSON.stringify(result)}\n`);
      if (result.outcome !== 'equal') process.stdout.write(`${minor} ${result.project}: ${result.outcome}: ${result.why ?? ''}\n`);
    }
    process.stdout.write(`${minor}: ${Math.min(at + AT_ONCE, projects.length)} of ${projects.length}\n`);
  }
}

/** By project; the last word counts. */
function readResults(state: string, minor: string): Map<string, Result> {
  const file = join(state, `${minor}.jsonl`);
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter(Boolean) : [];
  const leftOut = Object.entries(LEFT_OUT).map(([project, why]): Result => ({ project, outcome: 'left out', why }));
  return new Map([...lines.map((line) => JSON.parse(line) as Result), ...leftOut].map((result) => [result.project, result]));
}

function install(source: string, state: string): string {
  const prefix = join(state, 'prefix');
  const { HOME, PATH } = process.env;
  execFileSync(join(source, 'install.sh'), ['--prefix', prefix, '--cache', join(state, 'cache')], { env: { HOME, PATH }, stdio: 'ignore' });
  return prefix;
}
