import { dayOf } from '../../cache/day-files.ts';
import type { Total } from '../../stats/totals.ts';

/** A filled rectangle. Lengths are pixels, from the upper left corner of the chart. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** `#rrggbb`. */
  readonly colour: string;
  /** What it stands for. */
  readonly title?: string;
}

/** A line of text. `x`: where it begins, or where its middle or its end is; `y`: its base line. */
export interface Label {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly align: 'start' | 'middle' | 'end';
}

/** A drawing, whatever it is written as. */
export interface Chart {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly boxes: readonly Box[];
  readonly labels: readonly Label[];
}

const WIDTH = 800;
const HEIGHT = 320;
const MARGIN = 50;
const BASE = HEIGHT - MARGIN;

/** Days are labelled as far as their labels, of some 30 pixels, stand apart. */
const LABEL_EVERY = 44;

const DAY_MS = 86_400_000;

const SERIES = [
  { key: 'local', name: 'local cache', colour: '#2a9d5c' },
  { key: 'store', name: 'store', colour: '#3b7dd8' },
  { key: 'missed', name: 'left to the real tool', colour: '#c9c9c9' },
] as const;

type Counts = Readonly<Record<(typeof SERIES)[number]['key'], number>>;

/** A bar per day, from the first day on, those without installs too: how many packages came from where. */
export function chartOf(totals: readonly Total[], first: string | undefined, last: string): Chart {
  const days = byDay(totals, first ?? last, last);
  const most = Math.max(1, ...[...days.values()].map(({ local, store, missed }) => local + store + missed));
  const step = (WIDTH - 2 * MARGIN) / days.size;
  const scale = (BASE - MARGIN) / most;
  const labelled = Math.ceil(LABEL_EVERY / step);
  const left = (index: number): number => MARGIN + index * step;
  return {
    width: WIDTH,
    height: HEIGHT,
    title: 'Packages per day, by where they came from',
    boxes: [
      ...SERIES.map(({ colour }, index) => ({ x: MARGIN + index * 180, y: 14, width: 12, height: 12, colour })),
      ...[...days].flatMap(([day, counts], index) => bar(day, counts, { x: left(index) + step * 0.1, width: step * 0.8, scale })),
      { x: MARGIN, y: BASE, width: WIDTH - 2 * MARGIN, height: 1, colour: '#888888' },
    ],
    labels: [
      ...SERIES.map(({ name }, index) => ({ x: MARGIN + index * 180 + 18, y: 24, text: name, align: 'start' as const })),
      { x: MARGIN - 6, y: MARGIN + 4, text: String(most), align: 'end' },
      { x: MARGIN - 6, y: BASE, text: '0', align: 'end' },
      ...[...days.keys()].flatMap((day, index) => (index % labelled === 0 ? [{ x: left(index) + step / 2, y: BASE + 16, text: day.slice(5), align: 'middle' as const }] : [])),
    ],
  };
}

function byDay(totals: readonly Total[], first: string, last: string): Map<string, Counts> {
  const days = new Map<string, Counts>();
  for (let time = Date.parse(first); time <= Date.parse(last); time += DAY_MS) days.set(dayOf(time), { local: 0, store: 0, missed: 0 });
  for (const { day, local, store, missed } of totals) {
    const before = days.get(day);
    if (before) days.set(day, { local: before.local + local, store: before.store + store, missed: before.missed + missed });
  }
  return days;
}

function bar(day: string, counts: Counts, { x, width, scale }: { x: number; width: number; scale: number }): Box[] {
  let y = BASE;
  return SERIES.flatMap(({ key, name, colour }) => {
    const height = counts[key] * scale;
    y -= height;
    return height === 0 ? [] : [{ x, y, width, height, colour, title: `${day}: ${counts[key]} ${name}` }];
  });
}
