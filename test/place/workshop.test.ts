import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LocalCache } from '../../src/cache/local.ts';
import { UndoLog, journalOf } from '../../src/place/undo.ts';
import { openWorkshop, recoverTarget } from '../../src/place/workshop.ts';
import { treeOf } from '../e2e/support/tree.ts';
import { tempCache, tempDir } from '../cache/support.ts';
import { MEMORY, twoDisks, write } from './support.ts';

const site = (parent?: string): string => {
  const target = join(tempDir(parent), 'lib/site-packages');
  write(target, { 'p/a': 'old', x: '1' });
  return target;
};

describe('a workshop', () => {
  it('lies in the cache', () => {
    const cache = tempCache();
    expect(dirname(openWorkshop(cache, site()))).toBe(cache.path('placing'));
  });

  it.skipIf(!twoDisks)('lies in the target if the cache is on another file system', () => {
    const target = site(MEMORY);
    expect(dirname(openWorkshop(tempCache(), target))).toBe(target);
  });

  it('lies in the target if what is made in the cache gets the group of the cache', () => {
    const target = site();
    const cache = tempCache();
    mkdirSync(cache.path('placing'), { recursive: true });
    chmodSync(cache.path('placing'), 0o2755);
    expect(dirname(openWorkshop(cache, target))).toBe(target);
  });

  it('lies in the target if the cache cannot be written', () => {
    const target = site();
    const cache = new LocalCache(join(target, 'x/no/directory'));
    expect(dirname(openWorkshop(cache, target))).toBe(target);
  });

  it('lies above a target that is not there yet, which is not made', () => {
    const target = join(site(), 'not/yet');
    const cache = new LocalCache('/proc/no/such');
    expect(dirname(openWorkshop(cache, target))).toBe(dirname(dirname(target)));
    expect(existsSync(target)).toBe(false);
  });

  it('is one of its own each time', () => {
    const [cache, target] = [tempCache(), site()];
    expect(openWorkshop(cache, target)).not.toBe(openWorkshop(cache, target));
  });
});

describe('recovering', () => {
  /** A target that an install was changing when it was killed. */
  function interrupted(parent?: string) {
    const [cache, target] = [tempCache(), site(parent)];
    const before = treeOf(target);
    const workshop = openWorkshop(cache, target);
    const undo = new UndoLog(workshop, 0o755);
    undo.setAside(join(target, 'p/a'));
    undo.creates(join(target, 'p/b'));
    write(target, { 'p/b': 'new' });
    return { cache, target, workshop, before };
  }

  it.each([['in the cache', undefined], ...(twoDisks ? [['in the target', MEMORY] as const] : [])] as const)('takes back what was done, and removes the workshop %s', (_where, parent) => {
    const { cache, target, workshop, before } = interrupted(parent);
    recoverTarget(cache, target);
    expect(treeOf(target)).toEqual(before);
    expect(existsSync(workshop)).toBe(false);
    recoverTarget(cache, target);
    expect(treeOf(target)).toEqual(before);
  });

  it('does nothing to a target that somebody has changed since', () => {
    const { cache, target, workshop } = interrupted();
    const longAgo = Date.now() / 1000 - 60;
    utimesSync(journalOf(workshop), longAgo, longAgo);
    const before = treeOf(target);
    recoverTarget(cache, target);
    expect(treeOf(target)).toEqual(before);
    expect(existsSync(workshop)).toBe(false);
  });

  it('does nothing to what was finished, even if its workshop is still there', () => {
    const [cache, target] = [tempCache(), site()];
    const workshop = openWorkshop(cache, target);
    const undo = new UndoLog(workshop, 0o755);
    undo.setAside(join(target, 'p/a'));
    undo.close();
    const after = treeOf(target);
    recoverTarget(cache, target);
    expect(treeOf(target)).toEqual(after);
    expect(existsSync(workshop)).toBe(false);
  });

  it('leaves the workshops of other targets alone', () => {
    const { cache, target, workshop } = interrupted();
    recoverTarget(cache, site());
    recoverTarget(cache, `${target}-2`);
    expect(existsSync(workshop)).toBe(true);
  });

  it('copes with a workshop that is hardly begun, and with a target that is gone', () => {
    const [cache, target] = [tempCache(), site()];
    const workshop = openWorkshop(cache, target);
    recoverTarget(cache, target);
    expect(existsSync(workshop)).toBe(false);
    const other = interrupted();
    rmSync(other.target, { recursive: true });
    expect(() => recoverTarget(other.cache, other.target)).not.toThrow();
    expect(existsSync(other.workshop)).toBe(false);
  });

  it('copes with a journal that is no journal', () => {
    const { cache, target, workshop } = interrupted();
    writeFileSync(journalOf(workshop), 'garbage\n');
    expect(() => recoverTarget(cache, target)).not.toThrow();
    expect(readdirSync(cache.path('placing'))).toEqual([]);
  });

  it('a target that is reached by a link is the same only by name', () => {
    const { cache, target } = interrupted();
    const link = join(tempDir(), 'link');
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(target, link);
    expect(() => recoverTarget(cache, link)).not.toThrow();
  });
});
