import { compareTrees, describeDifferences } from '../../test/harness/compare.ts';
import type { Environment, Ran } from './environment.ts';

/** What became of a project with one Python. */
export interface Result {
  readonly project: string;
  readonly version?: string | undefined;
  /** `equal`: cached, and served as the real pip had left it. `pip`: the real pip itself does not install it. */
  readonly outcome: 'equal' | 'differs' | 'not cached' | 'not served' | 'pip' | 'left out';
  readonly why?: string;
}

/**
 * Installs projects with `--no-deps` by the real pip, then from the cache with the network out of reach, and compares the two trees.
 * Several at once save time; unless all of them are equal, they are done again in smaller parts.
 */
export function sweep(environment: Environment, python: string, projects: readonly string[]): Result[] {
  const results = attempt(environment, python, projects);
  if (projects.length === 1 || results.every(({ outcome }) => outcome === 'equal')) return results;
  return parts(results).flatMap((part) => sweep(environment, python, part));
}

/** Those that were cached, and each of the others; or two halves, where that tells nothing. */
function parts(results: readonly Result[]): string[][] {
  const [cached, others] = [true, false].map((is) => results.filter(({ version }) => (version !== undefined) === is).map(({ project }) => project)) as [string[], string[]];
  if (cached.length > 0 && others.length > 0) return [cached, ...others.map((project) => [project])];
  const half = Math.ceil(results.length / 2);
  const all = results.map(({ project }) => project);
  return [all.slice(0, half), all.slice(half)];
}

function attempt(environment: Environment, python: string, projects: readonly string[]): Result[] {
  const all = (outcome: Result['outcome'], why: string): Result[] => projects.map((project) => ({ project, outcome, why }));
  environment.forgetCache();
  environment.fresh();
  const real = environment.pip(['--no-deps', ...projects]);
  if (real.code !== 0) return all('pip', lastError(real));
  const flushed = environment.pkgCache('flush');
  if (flushed.code !== 0) return all('not cached', flushed.stderr.trim());
  const versions = cachedVersions(environment);
  if (!projects.every((project) => versions.has(project))) {
    const why = whyNotCached(environment) ?? lastLine(real.stdout);
    return projects.map((project) => ({ project, ...(versions.has(project) ? { version: versions.get(project) } : {}), outcome: 'not cached', why }));
  }
  const expected = environment.keep();
  environment.fresh();
  const pins = projects.map((project) => `${project}==${versions.get(project) ?? ''}`);
  const served = environment.pip(['-v', '--no-deps', ...pins], { offline: true });
  const results = projects.map((project) => ({ project, version: versions.get(project) ?? '', outcome: 'equal' as const }));
  if (served.code !== 0 || countServed(served) !== projects.length) return results.map((result) => ({ ...result, outcome: 'not served', why: whyNotServed(served) }));
  const differences = describeDifferences(compareTrees(expected, environment.tree(), python));
  if (differences.length === 0) return results;
  return results.map((result) => ({ ...result, outcome: 'differs', why: `${differences.length} paths: ${differences.slice(0, 3).join('; ')}` }));
}

/** By normal name. */
function cachedVersions(environment: Environment): Map<string, string> {
  const { entries } = JSON.parse(environment.pkgCache('status', '--json').stdout) as { entries: { status: string; package: string; version: string }[] };
  return new Map(entries.filter(({ status }) => status === 'cached').map(({ package: name, version }) => [name, version]));
}

function whyNotCached(environment: Environment): string | undefined {
  const records = environment.pkgCache('logs', '--json').stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line) as { level: string; message: string });
  return records.filter(({ level }) => level !== 'info').map(({ message }) => message).join('; ') || undefined;
}

function countServed({ stdout }: Ran): number {
  return stdout.split('\n').filter((line) => line.startsWith('Collecting ') && line.endsWith('(cached)')).length;
}

function whyNotServed({ stdout, stderr }: Ran): string {
  return stdout.split('\n').find((line) => line.startsWith('pkg-cache: ')) ?? lastLine(stderr);
}

function lastError({ stderr }: Ran): string {
  const lines = stderr.split('\n').filter((line) => /error/i.test(line));
  return (lines.at(-1) ?? lastLine(stderr)).trim().slice(0, 300);
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
