import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LocalCache } from '../../src/cache/local.ts';
import { Transaction, recoverTarget } from '../../src/place/transaction.ts';
import { treeOf } from '../e2e/support/tree.ts';
import { tempCache, tempDir } from '../cache/support.ts';
import { write } from './support.ts';

/** A target with something in it. */
export const site = (parent?: string): string => {
  const target = join(tempDir(parent), 'lib/site-packages');
  write(target, { 'p/a': 'old', x: '1' });
  return target;
};

export const begin = (cache: LocalCache, target: string, { roots = [target] } = {}): Transaction => Transaction.begin({ cache, target, roots, directoryMode: 0o755 });
export const records = (cache: LocalCache): string[] => readdirSync(cache.path('transactions'));

/** A target that an install was changing when it was killed: whoever is killed closes nothing. */
export function interrupted(parent?: string) {
  const [cache, target] = [tempCache(), site(parent)];
  const before = treeOf(target);
  const transaction = begin(cache, target);
  transaction.undo.setAside(join(target, 'p/a'));
  transaction.undo.creates(join(target, 'p/b'));
  write(target, { 'p/b': 'new' });
  const record = cache.path('transactions', records(cache)[0]!);
  const recover = (): void => recoverTarget(cache, target, [target]);
  return { cache, target, directory: transaction.directory, before, record, recover };
}

/** Changes a record of a killed install as if it had been written so. */
export function rewrite(record: string, change: (lines: string[]) => string[]): void {
  writeFileSync(record, change(readFileSync(record, 'utf8').trimEnd().split('\n')).map((line) => `${line}\n`).join(''));
}
