import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocalCache } from '../../src/cache/local.ts';
import { adopt } from '../../src/place/adopt.ts';
import { UndoLog } from '../../src/place/undo.ts';
import { openWorkshop, recoverTarget } from '../../src/place/workshop.ts';

let root: string;
let cache: LocalCache;
let target: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'pkg-cache-recover-'));
  cache = new LocalCache(join(root, 'cache'));
  target = join(root, 'site-packages');
  mkdirSync(target);
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

/** An install that got as far as its first directory. Whoever is killed closes nothing. */
function beKilled(): void {
  const workshop = openWorkshop(cache, target);
  mkdirSync(join(workshop, 'ash'));
  writeFileSync(join(workshop, 'ash', '__init__.py'), '');
  const undo = new UndoLog(workshop, 0o755);
  adopt(join(workshop, 'ash'), join(target, 'ash'), undo);
}

describe('what a killed install has left', () => {
  it('is taken back', () => {
    beKilled();
    recoverTarget(cache, target);
    expect(readdirSync(target)).toEqual([]);
  });

  it('is forgotten when the environment was restored from a copy, with the times it had', async () => {
    beKilled();
    await new Promise((resolve) => setTimeout(resolve, 200)); // longer than the tolerance
    cpSync(target, join(root, 'copy'), { recursive: true });
    rmSync(target, { recursive: true });
    cpSync(join(root, 'copy'), target, { recursive: true });
    utimesSync(target, 1_600_000_000, 1_600_000_000);
    recoverTarget(cache, target);
    expect(existsSync(join(target, 'ash', '__init__.py'))).toBe(true);
    expect(readdirSync(cache.path('placing'))).toEqual([]);
  });
});
