import type { Hour } from './fleet.ts';

const WIDTH = 720;
const HEIGHT = 150;
const LEFT = 48;
const TOP = 28;
const LAYERS = [
  ['local', 'local hits', '#2e7d4f'],
  ['store', 'store hits', '#e0a83a'],
  ['miss', 'misses', '#b5433a'],
] as const;

/** Where packages came from, hour by hour, in parts of all: a chart for each variant, as SVG. */
export function plot(results: readonly (readonly [string, readonly Hour[]])[]): string {
  const height = results.length * (HEIGHT + TOP + 24) + 40;
  const charts = results.map(([name, hours], index) => chart(name, hours, index * (HEIGHT + TOP + 24)));
  const legend = LAYERS.map(([, label, colour], index) => `<rect x="${LEFT + index * 130}" y="${height - 24}" width="12" height="12" fill="${colour}"/><text x="${LEFT + 18 + index * 130}" y="${height - 14}">${label}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH + LEFT + 20} ${height}" font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n${[...charts, ...legend].join('\n')}\n</svg>\n`;
}

function chart(name: string, hours: readonly Hour[], top: number): string {
  const x = (hour: number): string => (LEFT + (hour / Math.max(1, hours.length - 1)) * WIDTH).toFixed(1);
  const y = (part: number): string => (top + TOP + HEIGHT * (1 - part)).toFixed(1);
  const below = hours.map(() => 0);
  const areas = LAYERS.map(([layer, , colour]) => {
    const lower = [...below];
    hours.forEach((hour, at) => {
      const all = Math.max(1, hour.local + hour.store + hour.miss);
      below[at] = (below[at] ?? 0) + hour[layer] / all;
    });
    const up = below.map((part, at) => `${x(at)},${y(part)}`);
    const down = lower.map((part, at) => `${x(at)},${y(part)}`).reverse();
    return `<polygon fill="${colour}" points="${[...up, ...down].join(' ')}"/>`;
  });
  const days = hours.flatMap((_, at) => (at % 24 === 0 ? `<text x="${x(at)}" y="${top + TOP + HEIGHT + 14}">${at} h</text>` : []));
  const scale = [0, 0.5, 1].map((part) => `<text x="${LEFT - 8}" y="${Number(y(part)) + 4}" text-anchor="end">${part * 100} %</text>`);
  return [`<text x="${LEFT}" y="${top + TOP - 10}" font-weight="bold">${name}</text>`, ...areas, ...days, ...scale].join('\n');
}
