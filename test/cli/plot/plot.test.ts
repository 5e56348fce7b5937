import { crc32, inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { chartOf } from '../../../src/cli/plot/chart.ts';
import { png } from '../../../src/cli/plot/png.ts';
import { svg } from '../../../src/cli/plot/svg.ts';
import type { Total } from '../../../src/stats/totals.ts';

function total(day: string, counts: Partial<Total>): Total {
  return { day, ecosystem: 'pip', installs: 1, served: 0, local: 0, store: 0, missed: 0, bytes: 0, spent: 0, saved: 0, reasons: {}, ...counts };
}

const TOTALS = [total('2026-01-30', { local: 30, missed: 10 }), total('2026-02-02', { store: 20 }), { ...total('2026-02-02', { local: 20 }), ecosystem: 'npm' as const }];

describe('a chart', () => {
  it('has a bar for each day, those of both ecosystems together, and room for days without installs', () => {
    const { boxes, labels } = chartOf(TOTALS, '2026-01-30', '2026-02-02');
    const bars = boxes.filter(({ title }) => title !== undefined);
    expect(bars.map(({ title }) => title)).toEqual(['2026-01-30: 30 local cache', '2026-01-30: 10 left to the real tool', '2026-02-02: 20 local cache', '2026-02-02: 20 store']);
    expect(labels.map(({ text }) => text)).toEqual(expect.arrayContaining(['40', '01-30', '01-31', '02-01', '02-02']));
    const [local, missed, ...others] = bars;
    expect([local?.height, missed?.height]).toEqual([165, 55]);
    expect(missed?.y).toBe(local!.y - 55);
    expect(others[0]!.x - local!.x).toBeCloseTo((3 * 700) / 4);
  });

  it('has labels that stand apart, however many days there are', () => {
    const at = chartOf([], '2025-01-01', '2026-02-04').labels.filter(({ text }) => /^\d\d-\d\d$/.test(text)).map(({ x }) => x);
    expect(at.length).toBeGreaterThan(8);
    expect(Math.min(...at.slice(1).map((x, index) => x - at[index]!))).toBeGreaterThan(40);
  });

  it.each([svg, png])('can be drawn of nothing', (draw) => {
    expect(draw(chartOf([], undefined, '2026-02-02')).length).toBeGreaterThan(100);
  });
});

it('is an SVG document, whose bars say what they stand for', () => {
  const text = svg(chartOf(TOTALS, '2026-01-30', '2026-02-02'));
  expect(text).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" viewBox="0 0 800 320"/);
  expect(text).toContain('<title>2026-01-30: 30 local cache</title>');
});

describe('a PNG', () => {
  const decoded = decode(png(chartOf(TOTALS, '2026-01-30', '2026-02-02')));
  const point = (x: number, y: number): string => decoded.rows[y * 2]!.subarray(1 + 6 * x, 4 + 6 * x).toString('hex');

  it('is twice as large as the chart, in points', () => {
    expect(decoded).toMatchObject({ width: 1600, height: 640, depth: 8, colourType: 2 });
    expect(decoded.rows).toHaveLength(640);
  });

  it('has bars where the chart has them, and white around', () => {
    expect(point(100, 260)).toBe('2a9d5c'); // the first day's local cache, just above the base line
    expect(point(100, 100)).toBe('c9c9c9'); // and what was left to the real tool
    expect(point(300, 260)).toBe('ffffff'); // a day without installs
    expect(point(700, 60)).toBe('3b7dd8'); // the last day's store
  });

  it('has words', () => {
    const legend = Array.from({ length: 60 }, (_, x) => Array.from({ length: 8 }, (_row, y) => point(68 + x, 17 + y))).flat();
    expect(legend.filter((colour) => colour === '222222').length).toBeGreaterThan(50);
  });
});

/** Reads an image as a viewer does: chunks with their check sums, then rows that are not filtered. */
function decode(file: Buffer): { width: number; height: number; depth: number; colourType: number; rows: Buffer[] } {
  expect(file.subarray(0, 8).toString('latin1')).toBe('\x89PNG\r\n\x1a\n');
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < file.length; ) {
    const length = file.readUInt32BE(at);
    const named = file.subarray(at + 4, at + 8 + length);
    expect(file.readUInt32BE(at + 8 + length)).toBe(crc32(named));
    chunks.set(named.toString('latin1', 0, 4), named.subarray(4));
    at += 12 + length;
  }
  expect([...chunks.keys()]).toEqual(['IHDR', 'IDAT', 'IEND']);
  const header = chunks.get('IHDR')!;
  const width = header.readUInt32BE(0);
  const height = header.readUInt32BE(4);
  const data = inflateSync(chunks.get('IDAT')!);
  const stride = 1 + 3 * width;
  expect(data).toHaveLength(stride * height);
  const rows = Array.from({ length: height }, (_, row) => data.subarray(row * stride, (row + 1) * stride));
  expect(rows.every((row) => row[0] === 0)).toBe(true);
  return { width, height, depth: header[8]!, colourType: header[9]!, rows };
}
