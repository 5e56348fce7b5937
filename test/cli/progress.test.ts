import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { showProgress } from '../../src/cli/progress.ts';

let written: string[];
const { isTTY } = process.stderr;

beforeEach(() => {
  written = [];
  vi.useFakeTimers();
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.stderr.isTTY = isTTY;
});

it('a log has a line every ten seconds, whether something moves or not, and none afterwards', () => {
  process.stderr.isTTY = false;
  let count = 0;
  const progress = showProgress('copying', () => ({ figures: `${count} of 9`, part: count / 9 }));
  vi.advanceTimersByTime(9_999);
  expect(written).toEqual([]);
  count = 3;
  vi.advanceTimersByTime(20_001);
  progress.done();
  vi.advanceTimersByTime(60_000);
  expect(written).toEqual(Array(3).fill('copying: 3 of 9\n'));
});

it('a terminal has a bar, which is cleared away', () => {
  process.stderr.isTTY = true;
  vi.stubEnv('TERM', 'xterm');
  vi.stubEnv('NO_COLOR', undefined);
  const progress = showProgress('copying', () => ({ figures: '3 of 6', part: 1 / 2 }));
  vi.advanceTimersByTime(1_000);
  expect(written.at(-1)).toContain('copying [##########..........] 3 of 6');
  progress.done();
  expect(written.at(-1)).toBe('\r\u001b[K');
});
