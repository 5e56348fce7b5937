import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { hostIdentity, isAlive, isClaimed, tryClaim } from '../../src/cache/claim.ts';
import { DEAD_PID, tempDir } from './support.ts';

const holder = (pid: number, host = hostIdentity()): string => JSON.stringify({ pid, host });
const MINUTE = 60;

/** A claim's file, touched so many seconds ago. */
function left(text: string, age = 0): string {
  const path = join(tempDir(), 'claim');
  const then = Date.now() / 1000 - age;
  writeFileSync(path, text);
  utimesSync(path, then, then);
  return path;
}

it('is held by one at a time, and can be taken again after its release', () => {
  const path = join(tempDir(), 'deep/down/claim');
  expect(isClaimed(path)).toBe(false);
  const claim = tryClaim(path);
  expect(claim).toBeDefined();
  expect(isClaimed(path)).toBe(true);
  expect(tryClaim(path)).toBeUndefined();
  claim!.release();
  expect(existsSync(path)).toBe(false);
  expect(tryClaim(path)).toBeDefined();
});

it.each([
  ['a process that has ended', holder(DEAD_PID), 0, true],
  ['a process that is alive', holder(process.pid), 0, false],
  ['a process that is alive and has been silent', holder(process.pid), 3 * MINUTE, true],
  ['a process of another host', holder(DEAD_PID, 'elsewhere:1'), MINUTE, false],
  ['a process of another host that has been silent', holder(DEAD_PID, 'elsewhere:1'), 3 * MINUTE, true],
  ['nobody yet, since a moment ago', '', 0, false],
  ['nobody yet, for seconds', '', 5, true],
  ['half a name, for seconds', '{"pid":1', 5, true],
  ['something that is no name', '[]', 5, false],
  ['a time in the future', holder(process.pid), -3 * MINUTE, true],
  ['a time in the near future', holder(process.pid), -MINUTE, false],
])('a claim of %s', (_whose, text, age, free) => {
  const path = left(text, age);
  expect(isClaimed(path)).toBe(!free);
  expect(tryClaim(path) !== undefined).toBe(free);
  if (free) expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ pid: process.pid, host: hostIdentity(), purpose: 'install' });
});

it('refreshing shows that the holder is alive', () => {
  const path = join(tempDir(), 'claim');
  const claim = tryClaim(path)!;
  utimesSync(path, 1, 1);
  claim.refresh();
  expect(Date.now() - statSync(path).mtimeMs).toBeLessThan(MINUTE * 1000);
  expect(tryClaim(path)).toBeUndefined();
});

it('a claim that was taken over can be refreshed and released without harm', () => {
  const path = join(tempDir(), 'claim');
  const claim = tryClaim(path)!;
  claim.release();
  expect(() => (claim.refresh(), claim.release())).not.toThrow();
});

it('a claim that somebody else has taken over is theirs', () => {
  const path = join(tempDir(), 'claim');
  const claim = tryClaim(path)!;
  expect(claim.isHeld()).toBe(true);
  writeFileSync(path, holder(1));
  utimesSync(path, 1, 1);
  claim.refresh();
  claim.release();
  expect(claim.isHeld()).toBe(false);
  expect(readFileSync(path, 'utf8')).toBe(holder(1));
  expect(statSync(path).mtimeMs).toBe(1000);
});

it('where none can be written, everybody gets one', () => {
  const path = join(left('a file where a directory should be'), 'claim');
  expect(tryClaim(path)).toBeDefined();
  expect(tryClaim(path)).toBeDefined();
  expect(isClaimed(path)).toBe(false);
});

it.each([
  [process.pid, true],
  [1, true],
  [DEAD_PID, false],
])('isAlive(%d) is %s', (pid, alive) => expect(isAlive(pid)).toBe(alive));
