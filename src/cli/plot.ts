import type { Total } from '../stats/totals.ts';

const WIDTH = 800;
const HEIGHT = 320;
const MARGIN = 50;

const SERIES = [
  { key: 'local', name: 'local cache', colour: '#2a9d5c' },
  { key: 'store', name: 'store', colour: '#3b7dd8' },
  { key: 'missed', name: 'left to the real tool', colour: '#c9c9c9' },
] as const;

type Counts = Readonly<Record<(typeof SERIES)[number]['key'], number>>;

/** A bar per day: how many packages came from where, as an SVG document. */
export function plot(totals: readonly Total[]): string {
  const days = byDay(totals);
  const most = Math.max(1, ...[...days.values()].map(({ local, store, missed }) => local + store + missed));
  const step = (WIDTH - 2 * MARGIN) / Math.max(1, days.size);
  const scale = (HEIGHT - 2 * MARGIN) / most;
  const bars = [...days.entries()].map(([day, counts], index) => bar(day, counts, { x: MARGIN + index * step, width: step, scale }));
  const legend = SERIES.map(({ name, colour }, index) => `<rect x="${MARGIN + index * 180}" y="14" width="12" height="12" fill="${colour}"/><text x="${MARGIN + index * 180 + 18}" y="24">${name}</text>`);
  const axis = `<line x1="${MARGIN}" y1="${HEIGHT - MARGIN}" x2="${WIDTH - MARGIN}" y2="${HEIGHT - MARGIN}" stroke="#888"/><text x="${MARGIN - 6}" y="${MARGIN + 4}" text-anchor="end">${most}</text><text x="${MARGIN - 6}" y="${HEIGHT - MARGIN}" text-anchor="end">0</text>`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    '<title>Packages per day, by where they came from</title>',
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    ...legend,
    axis,
    ...bars,
    '</svg>',
    '',
  ].join('\n');
}

function byDay(totals: readonly Total[]): Map<string, Counts> {
  const days = new Map<string, Counts>();
  for (const { day, local, store, missed } of totals) {
    const before = days.get(day) ?? { local: 0, store: 0, missed: 0 };
    days.set(day, { local: before.local + local, store: before.store + store, missed: before.missed + missed });
  }
  return days;
}

function bar(day: string, counts: Counts, { x, width, scale }: { x: number; width: number; scale: number }): string {
  let y = HEIGHT - MARGIN;
  const parts = SERIES.map(({ key, name, colour }) => {
    const height = counts[key] * scale;
    y -= height;
    return `<rect x="${(x + width * 0.1).toFixed(1)}" y="${y.toFixed(1)}" width="${(width * 0.8).toFixed(1)}" height="${height.toFixed(1)}" fill="${colour}"><title>${day}: ${counts[key]} ${name}</title></rect>`;
  });
  const label = width < 30 ? '' : `<text x="${(x + width / 2).toFixed(1)}" y="${HEIGHT - MARGIN + 16}" text-anchor="middle">${day.slice(5)}</text>`;
  return `${parts.join('')}${label}`;
}
