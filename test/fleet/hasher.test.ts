import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { expect, it, vi } from 'vitest';
import { Hasher } from '../../src/fleet/hasher.ts';

function shared(size: number, byte: number): Buffer {
  return Buffer.from(new SharedArrayBuffer(size)).fill(byte);
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

it('hashes few bytes and many, several at once', async () => {
  const hasher = new Hasher();
  const all = [10, 3_000_000, 20, 5_000_000].map((size, index) => shared(size, index));
  expect(await Promise.all(all.map((bytes) => hasher.sha256(bytes)))).toEqual(all.map(hashOf));
});

it('hashes a part of a buffer', async () => {
  const bytes = shared(4_000_000, 1);
  bytes.fill(2, 3_000_000);
  expect(await new Hasher().sha256(bytes.subarray(1, 3_000_001))).toBe(hashOf(bytes.subarray(1, 3_000_001)));
});

it('does without another thread when that dies', async () => {
  vi.spyOn(Worker.prototype, 'postMessage').mockImplementationOnce(function (this: Worker) {
    this.emit('error', new Error('out of memory'));
  });
  const bytes = shared(3_000_000, 7);
  const hasher = new Hasher();
  expect(await hasher.sha256(bytes)).toBe(hashOf(bytes));
  expect(await hasher.sha256(bytes)).toBe(hashOf(bytes));
});

it('ends the other thread when told to, and starts another when it is needed again', async () => {
  const terminate = vi.spyOn(Worker.prototype, 'terminate');
  const hasher = new Hasher();
  hasher.close();
  expect(await hasher.sha256(shared(10, 1))).toBe(hashOf(shared(10, 1)));
  hasher.close();
  expect(terminate).not.toHaveBeenCalled();
  for (const times of [1, 2]) {
    expect(await hasher.sha256(shared(3_000_000, 1))).toBe(hashOf(shared(3_000_000, 1)));
    hasher.close();
    expect(terminate).toHaveBeenCalledTimes(times);
  }
});
