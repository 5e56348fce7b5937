import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, type Outcome, type RunOptions } from '../../support/run.ts';

/** The system calls by which a process changes what lies on disk. Opening counts, because it may create. */
export const MUTATING = ['openat', 'write', 'pwrite64', 'mkdir', 'rename', 'link', 'unlink', 'rmdir', 'fchmod', 'chmod', 'utimensat', 'copy_file_range', 'sendfile', 'fsync'] as const;

export type Call = (typeof MUTATING)[number];

/** The N-th call of its kind that a thread makes. */
export interface Point {
  readonly call: Call;
  readonly when: number;
}

/** Why calls cannot be tampered with on this machine, or undefined if they can. */
export function whyNoStrace(): string | undefined {
  const { error, status, stderr } = spawnSync('strace', ['-qq', '-o', '/dev/null', '-e', 'inject=mkdir:error=EIO', 'true'], { encoding: 'utf8' });
  if (error) return 'strace is not installed';
  return status === 0 ? undefined : `strace cannot trace here: ${stderr.trim()}`;
}

/** The arguments of strace that let something (`signal=KILL`, `error=EIO`) happen at a point, or from there on. */
export function inject({ call, when }: Point, what: string, { threads = false, lasting = false } = {}): string[] {
  return [...(threads ? ['-f'] : []), '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:${what}:when=${when}${lasting ? '+' : ''}`];
}

/**
 * Runs a command undisturbed and returns points of it, about `count`: for every kind of call some, evenly spread from `since` on (a pattern of
 * strace's lines) to the end. What comes before is the start of Node, which is the same for everything.
 */
export async function samplePoints(command: readonly string[], options: RunOptions, count: number, { since = /./, threads = false } = {}): Promise<Point[]> {
  const log = join(tmpdir(), `pkg-cache-strace-${process.pid}`);
  const { code, stderr } = await run('strace', [...(threads ? ['-f'] : []), '-qq', '-o', log, '-e', `trace=${MUTATING.join()}`, ...command], options);
  if (code !== 0) throw new Error(`${command.join(' ')}: ${code}\n${stderr}`);
  const ranges = rangesOf(readFileSync(log, 'utf8').split('\n'), since);
  rmSync(log);
  const each = Math.max(1, Math.round(count / ranges.size));
  return [...ranges].flatMap(([call, range]) => spread(range, each).map((when) => ({ call, when })));
}

interface Range {
  first: number;
  last: number;
}

/** strace counts by thread and kind of call; of several threads, the busiest decides. */
function rangesOf(lines: readonly string[], since: RegExp): Map<Call, Range> {
  const counts = new Map<string, number>();
  const ranges = new Map<Call, Range>();
  let begun = false;
  for (const line of lines) {
    const [, thread = '', name = ''] = /^(?:(\d+) +)?(\w+)\(/.exec(line) ?? [];
    if (name === '') continue;
    begun ||= since.test(line);
    const when = (counts.get(`${thread} ${name}`) ?? 0) + 1;
    counts.set(`${thread} ${name}`, when);
    if (!begun) continue;
    const call = name as Call;
    const range = ranges.get(call) ?? { first: when, last: when };
    ranges.set(call, { first: Math.min(range.first, when), last: Math.max(range.last, when) });
  }
  return ranges;
}

function spread({ first, last }: Range, count: number): number[] {
  if (count === 1) return [Math.floor((first + last) / 2)];
  const step = (last - first) / (count - 1);
  return [...new Set(Array.from({ length: count }, (_, i) => Math.round(first + i * step)))];
}

/** Runs a command with something happening at a point. */
export function runInjected(point: Point, what: string, command: readonly string[], options: RunOptions, how: { threads?: boolean } = {}): Promise<Outcome> {
  return run('strace', [...inject(point, what, how), ...command], options);
}
