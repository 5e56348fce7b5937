import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { failure, outcome, read, temporaryDirectory } from './helpers.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let root: string;
let store: Store;

beforeEach(async () => {
  directory = temporaryDirectory();
  root = join(directory.path, 'store');
  mkdirSync(root);
  store = await openStore(root, { env: {}, circuit: memoryCircuit() });
});
afterEach(() => directory.remove());

it('is unavailable when the directory is missing, and does not make it', async () => {
  rmSync(root, { recursive: true });
  expect(await outcome(store.create('a/b', Buffer.from('x')))).toBe('STORE_UNAVAILABLE');
  const error = await failure(store.get('a/b'));
  expect(error.code).toBe('STORE_UNAVAILABLE');
  expect(error.hint).toContain(root);
  expect(readdirSync(directory.path)).toEqual([]);
});

it('is unavailable when a file is in its place', async () => {
  rmSync(root, { recursive: true });
  writeFileSync(root, '');
  expect(await outcome(store.get('a'))).toBe('STORE_UNAVAILABLE');
});

it('leaves no temporary files', async () => {
  await store.create('a', Buffer.from('x'));
  await store.create('a', Buffer.from('y'));
  await outcome(store.create('b', { path: join(root, 'missing'), size: 3 }));
  expect(readdirSync(join(root, '.tmp'))).toEqual([]);
  expect(readdirSync(root).sort()).toEqual(['.tmp', 'a']);
});

it('removes what killed writers left, and spares those at work', async () => {
  mkdirSync(join(root, '.tmp'));
  for (const name of ['old', 'new']) writeFileSync(join(root, '.tmp', name), 'half');
  const twoDaysAgo = Date.now() / 1000 - 2 * 86_400;
  utimesSync(join(root, '.tmp', 'old'), twoDaysAgo, twoDaysAgo);
  await store.create('a', Buffer.from('x'));
  expect(readdirSync(join(root, '.tmp'))).toEqual(['new']);
});

it('spares those at work also where our own clock is a day ahead', async () => {
  mkdirSync(join(root, '.tmp'));
  writeFileSync(join(root, '.tmp', 'new'), 'half');
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 25 * 3_600_000 });
  try {
    await store.create('a', Buffer.from('x'));
    expect(await store.tidy()).toBe(0);
  } finally {
    vi.useRealTimers();
  }
  expect(readdirSync(join(root, '.tmp'))).toEqual(['new']);
});

it('does not wait at a FIFO, and does not serve a directory', async () => {
  execFileSync('mkfifo', [join(root, 'fifo')]);
  expect(await outcome(store.get('fifo'))).toBe('STORE_UNAVAILABLE');
  mkdirSync(join(root, 'directory'));
  const again = await openStore(root, { env: {}, circuit: memoryCircuit() });
  expect(await outcome(again.get('directory'))).toBe('STORE_UNAVAILABLE');
});

it.skipIf(process.getuid?.() === 0)('serves a directory that may only be read', async () => {
  await store.create('a', Buffer.from('x'));
  chmodSync(join(root, '.tmp'), 0o500);
  chmodSync(root, 0o500);
  expect(await outcome(store.create('b', Buffer.from('x')))).toBe('STORE_DENIED');
  expect(String(await read(store, 'a'))).toBe('x');
  chmodSync(root, 0o700);
});

it.skipIf(process.getuid?.() === 0)('is denied when it may not be read', async () => {
  chmodSync(root, 0);
  expect(await outcome(store.get('a'))).toBe('STORE_DENIED');
  chmodSync(root, 0o700);
});
