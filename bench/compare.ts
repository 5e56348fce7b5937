import { median, type Times } from './measure.ts';

/** What is demanded of a way: at most `limit` times another, or at most `limit` milliseconds more. */
export interface Target {
  readonly kind: 'ratio' | 'difference';
  readonly limit: number;
}

/** One row of the table. */
export interface Row {
  readonly label: string;
  readonly ours: number;
  readonly theirs: number;
  readonly against: string;
  /** Pair by pair. */
  readonly middle: number;
  readonly least: number;
  readonly most: number;
  readonly rounds: number;
  /** Undefined: only to compare. */
  readonly target: Target | undefined;
  readonly kind: Target['kind'];
}

/** Compares two ways of a case, pair by pair. */
export function compare(times: Times, label: string, ours: string, against: string, target?: Target): Row {
  const [own, other] = [times.get(ours)!, times.get(against)!];
  const kind = target?.kind ?? 'ratio';
  const pairs = own.map((time, round) => (kind === 'ratio' ? time / other[round]! : time - other[round]!));
  return {
    label,
    ours: median(own),
    theirs: median(other),
    against,
    middle: median(pairs),
    least: Math.min(...pairs),
    most: Math.max(...pairs),
    rounds: pairs.length,
    target,
    kind,
  };
}

const HEAD = ['| case | here | compared with | that | pair by pair: median (least to most) | at most | met | rounds |', '|---|---|---|---|---|---|---|---|'];

/** The rows as a markdown table. */
export function table(rows: readonly Row[]): string {
  return [...HEAD, ...rows.map(line)].join('\n');
}

function line(row: Row): string {
  const { label, ours, theirs, against, middle, least, most, rounds, target, kind } = row;
  const show = kind === 'ratio' ? ratio : difference;
  const met = target === undefined ? '' : middle <= target.limit ? 'yes' : '**no**';
  const limit = target === undefined ? '' : show(target.limit);
  return `| ${label} | ${duration(ours)} | ${against} | ${duration(theirs)} | ${show(middle)} (${show(least)} to ${show(most)}) | ${limit} | ${met} | ${rounds} |`;
}

function ratio(value: number): string {
  return `${Number(value.toPrecision(3))} ×`;
}

function difference(value: number): string {
  return `${value < 0 ? '' : '+'}${value.toFixed(1)} ms`;
}

function duration(milliseconds: number): string {
  return milliseconds < 1000 ? `${milliseconds.toFixed(0)} ms` : `${(milliseconds / 1000).toFixed(2)} s`;
}
