import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openTransactions } from '../../src/cache/transactions.ts';
import { sha256 } from '../../src/hash.ts';
import { adopt } from '../../src/place/adopt.ts';
import { recoverTarget } from '../../src/place/transaction.ts';
import { treeOf } from '../e2e/support/tree.ts';
import { codeOf, tempCache, tempDir } from '../cache/support.ts';
import { begin, interrupted, records, rewrite, site } from './killed.ts';
import { write } from './support.ts';

const isRoot = process.getuid?.() === 0;

/** An install that was killed, and a place that it has nothing to do with. */
function beside() {
  const state = interrupted();
  const outside = join(tempDir(), 'outside');
  write(outside, { 'p/b': 'precious', b: 'precious' });
  const kept = treeOf(outside);
  return { ...state, outside, assertKept: () => expect(treeOf(outside)).toEqual(kept) };
}

describe('what steers a recovery is our own record, within the target', () => {
  it('a directory beside the target, or in it, with a journal, is ignored', () => {
    const [cache, target] = [tempCache(), site()];
    const { outside, assertKept } = beside();
    const journal = [{ create: join(outside, 'b') }, { create: outside }].map((step) => JSON.stringify(step)).join('\n');
    const planted = [target, dirname(target), cache.path('placing')].map((parent) => join(parent, `.pkg-cache-${sha256(target).slice(0, 16)}-1-00000000`));
    for (const directory of planted) write(directory, { journal: `${journal}\n` });
    const before = treeOf(target);
    recoverTarget(cache, target, [target]);
    cache.sweep();
    assertKept();
    expect(treeOf(target)).toEqual(before);
    expect(planted.every((directory) => existsSync(directory))).toBe(true);
  });

  it.each([
    ['creates a path outside', (outside: string) => ({ create: join(outside, 'b') })],
    ['creates by way of ..', (outside: string, target: string) => ({ create: `${target}/../../${basename(outside)}` })],
    ['made the whole outside', (outside: string) => ({ create: outside })],
    ['brings something to a path outside', (outside: string) => ({ aside: join(outside, 'c'), stored: '0' })],
    ['brings something that is not its own', (_outside: string, target: string) => ({ aside: join(target, 'c'), stored: '../../../x' })],
    ['is no change', () => ({ create: 7 })],
  ])('a record that says that it %s is refused, as a whole', (_what, step) => {
    const { cache, target, directory, record, recover, outside, assertKept } = beside();
    const after = treeOf(target);
    rewrite(record, (lines) => [...lines, JSON.stringify(step(outside, target))]);
    recover();
    assertKept();
    expect(treeOf(target)).toEqual(after);
    expect([existsSync(join(target, 'c')), existsSync(directory), records(cache)]).toEqual([false, false, []]);
  });

  it.each([
    ['in the target', 'p'],
    ['the target itself', ''],
    ['above the target', '..'],
  ])('a directory that was swapped for a link to elsewhere since, %s, is not followed', (_where, which) => {
    const { target, directory, recover, outside, assertKept } = beside();
    const swapped = join(target, which);
    if (which === '..') write(outside, { 'site-packages/p/b': 'precious' });
    const kept = treeOf(outside);
    renameSync(swapped, `${swapped}.away`);
    symlinkSync(outside, swapped);
    recover();
    if (which !== '..') assertKept();
    expect(treeOf(outside)).toEqual(kept);
    expect(existsSync(directory)).toBe(false);
  });

  it('the process itself does not follow one either, when it takes back what it did', () => {
    const { outside, assertKept } = beside();
    const [cache, target] = [tempCache(), site()];
    const transaction = begin(cache, target);
    transaction.undo.setAside(join(target, 'p/a'));
    transaction.undo.creates(join(target, 'p/b'));
    renameSync(join(target, 'p'), join(target, 'away'));
    symlinkSync(outside, join(target, 'p'));
    transaction.rollback();
    assertKept();
    // What was set aside is still there for the next one.
    expect(readdirSync(join(transaction.directory, 'attic'))).toEqual(['0']);
  });

  it('a transaction directory that was swapped for another is not touched', () => {
    const { target, recover, directory, outside, assertKept } = beside();
    renameSync(directory, `${directory}.away`);
    symlinkSync(outside, directory);
    recover();
    assertKept();
    rmSync(directory);
    const again = beside();
    renameSync(again.directory, `${again.directory}.away`);
    write(again.directory, { 'attic/0': 'evil' });
    again.recover();
    expect(existsSync(join(again.directory, 'attic/0'))).toBe(true);
    expect(existsSync(join(target, 'p/a'))).toBe(false);
  });

  it('nothing is set aside in a directory that was put in the place of the transaction directory', () => {
    const { outside, assertKept } = beside();
    const target = site();
    const { directory, undo } = begin(tempCache(), target);
    write(target, { planted: 'evil' });
    renameSync(directory, `${directory}.away`);
    mkdirSync(directory);
    symlinkSync(outside, join(directory, 'attic'));
    expect(codeOf(() => undo.setAside(join(target, 'planted')))).toBe('PLACE_FAILED');
    assertKept();
    expect(existsSync(join(target, 'planted'))).toBe(true);
  });

  it('nothing is changed where a link leads out of the target', () => {
    const { outside, assertKept } = beside();
    const [cache, target] = [tempCache(), site()];
    const { directory, undo } = begin(cache, target);
    write(directory, { 'q/new': '1', 'q/b': '2' });
    symlinkSync(outside, join(target, 'q'));
    expect(codeOf(() => adopt(join(directory, 'q'), join(target, 'q'), undo))).toBe('PLACE_FAILED');
    assertKept();
  });

  it.each<[string, (directory: string) => void]>([
    ['that others can write', (directory) => chmodSync(directory, 0o777)],
    ...(isRoot ? [['of another user', (directory) => chownSync(directory, 1000, 1000)] satisfies [string, (directory: string) => void]] : []),
  ])('records in a directory %s are not read, and none is written', (_what, spoil) => {
    const { cache, target, recover } = interrupted();
    const after = treeOf(target);
    spoil(cache.path('transactions'));
    recover();
    expect(openTransactions(cache.root)).toEqual([]);
    expect(treeOf(target)).toEqual(after);
    const count = records(cache).length;
    const transaction = begin(cache, target);
    expect(records(cache)).toHaveLength(count);
    transaction.undo.creates(join(target, 'y'));
    write(target, { y: '1' });
    transaction.rollback();
    expect(treeOf(target)).toEqual(after);
  });
});
