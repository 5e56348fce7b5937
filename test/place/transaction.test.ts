import { appendFileSync, chmodSync, cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LocalCache } from '../../src/cache/local.ts';
import { adopt } from '../../src/place/adopt.ts';
import { recoverTarget, type Transaction } from '../../src/place/transaction.ts';
import { treeOf } from '../e2e/support/tree.ts';
import { DEAD_PID, tempCache, tempDir } from '../cache/support.ts';
import { begin, interrupted, records, rewrite, site } from './killed.ts';
import { MEMORY, twoDisks, write } from './support.ts';

const directoryFor = (cache: LocalCache, target: string): string => dirname(begin(cache, target).directory);
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('a transaction directory', () => {
  it('lies in the cache', () => {
    const cache = tempCache();
    expect(directoryFor(cache, site())).toBe(cache.path('placing'));
  });

  it.skipIf(!twoDisks)('lies in the target if the cache is on another file system', () => {
    const target = site(MEMORY);
    expect(directoryFor(tempCache(), target)).toBe(target);
  });

  it('lies in the target if what is made in the cache gets the group of the cache', () => {
    const target = site();
    const cache = tempCache();
    mkdirSync(cache.path('placing'), { recursive: true });
    chmodSync(cache.path('placing'), 0o2755);
    expect(directoryFor(cache, target)).toBe(target);
  });

  it('lies in the target if the cache cannot be written', () => {
    const target = site();
    const cache = new LocalCache(join(target, 'x/no/directory'));
    expect(directoryFor(cache, target)).toBe(target);
  });

  it('lies above a target that is not there yet, which is not made', () => {
    const target = join(site(), 'not/yet');
    const cache = new LocalCache(join(dirname(dirname(target)), 'x/no/directory'));
    expect(directoryFor(cache, target)).toBe(dirname(dirname(target)));
    expect(existsSync(target)).toBe(false);
  });

  it('is private, has a name that nobody can guess, and a private record', () => {
    const [cache, target] = [tempCache(), site()];
    const [one, other] = [begin(cache, target).directory, begin(cache, target).directory];
    expect(basename(one)).toMatch(/^\.pkg-cache-[0-9a-f]{32}$/);
    expect(other).not.toBe(one);
    expect(modeOf(one)).toBe('700');
    expect(modeOf(cache.path('transactions'))).toBe('700');
    expect(records(cache).map((name) => modeOf(cache.path('transactions', name)))).toEqual(['600', '600']);
  });

  it('is gone with its record when the transaction has ended, either way', () => {
    const [cache, target] = [tempCache(), site()];
    for (const end of [(each: Transaction) => each.commit(), (each: Transaction) => each.commit({ later: true }), (each: Transaction) => each.rollback()]) {
      const transaction = begin(cache, target);
      transaction.undo.setAside(join(target, 'x'));
      write(target, { x: 'new' });
      if (end.toString().includes('rollback')) rmSync(join(target, 'x'));
      end(transaction);
      expect([records(cache), readdirSync(cache.path('placing'))]).toEqual([[], []]);
    }
  });
});

describe('recovering', () => {
  it.each([['in the cache', undefined], ...(twoDisks ? [['in the target', MEMORY] as const] : [])] as const)('takes back what was done, and removes the directory %s', (_where, parent) => {
    const { cache, target, directory, before, recover } = interrupted(parent);
    recover();
    expect(treeOf(target)).toEqual(before);
    expect(existsSync(directory)).toBe(false);
    expect(records(cache)).toEqual([]);
    recover();
    expect(treeOf(target)).toEqual(before);
  });

  it('takes back a directory that was moved into the target as a whole', () => {
    const [cache, target] = [tempCache(), site()];
    const before = treeOf(target);
    const { directory, undo } = begin(cache, target);
    write(directory, { 'ash/__init__.py': '' });
    adopt(join(directory, 'ash'), join(target, 'ash'), undo);
    recoverTarget(cache, target, [target]);
    expect(treeOf(target)).toEqual(before);
  });

  it('takes back a target that was set aside itself and made anew', () => {
    const cache = tempCache();
    const target = join(tempDir(), 'site');
    write(target, { old: '1' });
    const before = treeOf(target);
    const { undo } = begin(cache, target);
    undo.setAside(join(target, 'old'));
    undo.setAside(target);
    undo.makeDirectory(target);
    undo.creates(join(target, 'new'));
    write(target, { new: '2' });
    recoverTarget(cache, target, [target]);
    expect(treeOf(target)).toEqual(before);
  });

  it('does nothing to a target that somebody has changed since', () => {
    const { target, directory, record, recover } = interrupted();
    const longAgo = Date.now() / 1000 - 60;
    utimesSync(record, longAgo, longAgo);
    const before = treeOf(target);
    recover();
    expect(treeOf(target)).toEqual(before);
    expect(existsSync(directory)).toBe(false);
  });

  it('does nothing to a target that was restored from a copy, with the times it had', async () => {
    const { cache, target, recover } = interrupted();
    await new Promise((resolve) => setTimeout(resolve, 200)); // longer than the tolerance
    cpSync(target, `${target}.copy`, { recursive: true });
    rmSync(target, { recursive: true });
    cpSync(`${target}.copy`, target, { recursive: true });
    utimesSync(target, 1_600_000_000, 1_600_000_000);
    recover();
    expect(existsSync(join(target, 'p/b'))).toBe(true);
    expect(readdirSync(cache.path('placing'))).toEqual([]);
  });

  it('does nothing to another directory of the same path, not even at once', () => {
    const { cache, target, recover } = interrupted();
    renameSync(target, `${target}.moved`);
    write(target, { 'p/b': 'theirs' });
    const before = treeOf(target);
    recover();
    expect(treeOf(target)).toEqual(before);
    expect(records(cache)).toEqual([]);
  });

  it('leaves what another container was doing to a directory of the same path, but for the sweep', () => {
    const { cache, target, directory, record, recover } = interrupted();
    renameSync(target, `${target}.moved`);
    write(target, { 'p/b': 'theirs' });
    const elsewhere = join(dirname(record), basename(record).replace(/\.[0-9a-f]{8}\./, '.0123abcd.'));
    renameSync(record, elsewhere);
    recover();
    expect([existsSync(elsewhere), existsSync(directory)]).toEqual([true, true]);
    cache.sweep();
    expect(existsSync(elsewhere)).toBe(true);
    const longAgo = Date.now() / 1000 - 90_000;
    utimesSync(elsewhere, longAgo, longAgo);
    cache.sweep();
    expect([existsSync(elsewhere), existsSync(directory)]).toEqual([false, false]);
  });

  it('does nothing to what was finished, even if its directory is still there', () => {
    const { target, directory, record, recover } = interrupted();
    rewrite(record, (lines) => lines.slice(0, 2)); // which is what `commit` does first
    const after = treeOf(target);
    recover();
    expect(treeOf(target)).toEqual(after);
    expect(existsSync(directory)).toBe(false);
  });

  it('leaves the transactions of other targets, and of a process that is still at work', () => {
    const { cache, target, directory, record, recover } = interrupted();
    recoverTarget(cache, site(), [target]);
    recoverTarget(cache, `${target}-2`, [target]);
    expect(existsSync(directory)).toBe(true);
    const ofParent = record.replace(`.${process.pid}.`, `.${process.ppid}.`);
    renameSync(record, ofParent);
    recover();
    expect(existsSync(directory)).toBe(true);
    renameSync(ofParent, record.replace(`.${process.pid}.`, `.${DEAD_PID}.`));
    recover();
    expect(existsSync(directory)).toBe(false);
  });

  it('copes with a transaction that is hardly begun, and with a target that is gone', () => {
    const { cache, target, directory, record, recover } = interrupted();
    rewrite(record, (lines) => lines.slice(0, 1)); // before it could say what it had made
    const empty = `${target}/.pkg-cache-empty`;
    mkdirSync(empty);
    rewrite(record, () => [JSON.stringify({ target, directory: empty })]);
    recover();
    expect([existsSync(empty), existsSync(directory), records(cache)]).toEqual([false, true, []]);
    const other = interrupted();
    rmSync(other.target, { recursive: true });
    other.recover();
    expect([existsSync(other.target), existsSync(other.directory), records(other.cache)]).toEqual([false, false, []]);
  });

  it.each([
    ['is garbage', 'garbage\n'],
    ['is empty', ''],
    ['is of another form', '[1]\n[2]\n'],
    ['names a directory of somebody', JSON.stringify({ target: '/tmp', directory: '/etc' })],
  ])('a record that %s is removed', (_what, text) => {
    const { cache, target, record, recover } = interrupted();
    const after = treeOf(target);
    writeFileSync(record, text);
    recover();
    expect(treeOf(target)).toEqual(after);
    expect(records(cache)).toEqual([]);
  });

  it('a last line that was cut off, or damaged, is of a change that was not made', () => {
    const { target, before, record, recover } = interrupted();
    appendFileSync(record, '\0\0\0\n{"create":"/nowhere');
    recover();
    expect(treeOf(target)).toEqual(before);
  });
});
