import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { utimesSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { PkgCacheError } from '../../src/errors.ts';
import { Announcer, type AnnouncerOptions } from '../../src/fleet/announce.ts';
import { SIGN_EVERY, flightsOf } from '../../src/fleet/flights.ts';
import { Spool, watch } from '../../src/fleet/spool.ts';
import type { Store } from '../../src/store/store.ts';
import { tempCache } from '../cache/support.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { overStore } from '../support/over-store.ts';

const SET = 'ab'.repeat(16);

/** An installer at work, and a spool that knows of it. */
function installer(over: Partial<AnnouncerOptions> & { store?: Store } = {}) {
  const tool = spawn('sleep', ['600'], { stdio: 'ignore' });
  const spool = new Spool(tempCache());
  spool.add({ kind: 'flight', set: SET, after: watch(tool.pid!) });
  const store = new MemoryStore();
  const log: string[] = [];
  const options = { spool, openStore: async () => over.store ?? store, log: (message: string) => void log.push(message), ...over };
  return {
    store,
    spool,
    log,
    announcer: new Announcer(options),
    again: () => new Announcer(options),
    /** As if it had begun so many seconds before. */
    age: (seconds: number) => utimesSync(spool.jobs()[0]!.path, Date.now() / 1000 - seconds, Date.now() / 1000 - seconds),
    end: async () => {
      tool.kill('SIGKILL');
      await once(tool, 'exit');
    },
  };
}

/** What it then says goes its own way. */
async function look(announcer: Announcer): Promise<void> {
  announcer.look();
  await new Promise(setImmediate);
}

describe('an install', () => {
  it('is announced when it takes long, until what it brought is stored', async () => {
    const { store, spool, announcer, age, end } = installer();
    await look(announcer);
    await announcer.land();
    expect(store.requests.size).toBe(0);
    age(5);
    await look(announcer);
    await look(announcer);
    await announcer.land();
    expect(await flightsOf(store, SET)).toEqual([{ kind: 'installing' }]);
    await end();
    await look(announcer);
    expect(await flightsOf(store, SET)).toEqual([{ kind: 'storing', took: expect.closeTo(5000, -3.5) as number }]);
    expect(spool.jobs()).toHaveLength(1);
    await announcer.land();
    expect(await flightsOf(store, SET)).toEqual([]);
    expect(spool.jobs()).toEqual([]);
  });

  it('of another container is for that one to announce', async () => {
    const { store, spool, announcer, age, end } = installer();
    await end();
    spool.done(spool.jobs()[0]!);
    spool.add({ kind: 'flight', set: SET, after: { pid: 1, host: 'elsewhere:1:1', started: '1' } });
    age(60);
    await look(announcer);
    await announcer.land();
    expect(store.requests.size).toBe(0);
    expect(spool.jobs()).toHaveLength(1);
  });

  it('where nothing may be written is not, and the store is not opened', async () => {
    let opened = 0;
    const { announcer, age, end } = installer({ whyNotWritten: () => 'denied', openStore: () => Promise.reject(new Error(`opened ${++opened}`)) });
    age(5);
    await look(announcer);
    await end();
    expect(opened).toBe(0);
  });

  it('shows that it is alive until it has landed, and then no more', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    try {
      const { store, announcer, age, end } = installer();
      age(5);
      await look(announcer);
      const signs = async (): Promise<number> => {
        vi.advanceTimersByTime(SIGN_EVERY + 1);
        await new Promise(setImmediate);
        return (await store.list('v1/flights/')).objects.length;
      };
      expect(await signs()).toBe(2);
      expect(await signs()).toBe(3);
      await end();
      await look(announcer);
      await announcer.land();
      expect(vi.getTimerCount()).toBe(0);
      expect((await store.list('v1/flights/')).objects).toHaveLength(5);
    } finally {
      vi.useRealTimers();
    }
  });

  it('that was short costs nothing', async () => {
    const { store, spool, announcer, end } = installer();
    await look(announcer);
    await end();
    await look(announcer);
    await announcer.land();
    expect(store.requests.size).toBe(0);
    expect(spool.jobs()).toEqual([]);
  });

  it('that ends between a look and the landing has not landed', async () => {
    const { spool, announcer, age, end } = installer();
    age(5);
    await look(announcer);
    await end();
    await announcer.land();
    expect(spool.jobs()).toHaveLength(1);
    await look(announcer);
    await announcer.land();
    expect(spool.jobs()).toEqual([]);
  });

  it('that ends while something else is being done is not waited for any longer, and lands later', async () => {
    const { store, spool, announcer, age, end } = installer();
    age(5);
    await look(announcer);
    await end();
    await vi.waitFor(async () => expect(await flightsOf(store, SET)).toMatchObject([{ kind: 'storing' }]), { timeout: 10_000 });
    await announcer.land();
    expect(spool.jobs()).toHaveLength(1);
    await look(announcer);
    await announcer.land();
    expect(spool.jobs()).toEqual([]);
  });

  it('is announced anew after the announcer was killed, and no job is left', async () => {
    const { store, spool, announcer, again, age, end } = installer();
    age(5);
    await look(announcer);
    const other = again();
    await look(other);
    expect(await flightsOf(store, SET)).toHaveLength(2);
    await end();
    const last = again();
    await look(last);
    await last.land();
    expect(spool.jobs()).toEqual([]);
    await vi.waitFor(async () => expect(await flightsOf(store, SET)).toEqual([]), { timeout: 10_000 });
  });

  it.each<[string, Parameters<typeof installer>[0]]>([
    ['without a store', { openStore: undefined }],
    ['that may not be written', { whyNotWritten: () => 'denied' }],
    ['that cannot be opened', { openStore: () => Promise.reject(new PkgCacheError('STORE_UNAVAILABLE', 'gone')) }],
    ['that refuses', { store: overStore(new MemoryStore(), { create: () => Promise.reject(new PkgCacheError('STORE_DENIED', 'no')) }) }],
  ])('%s is as good as any', async (_what, over) => {
    const { spool, announcer, age, end } = installer(over);
    age(5);
    await look(announcer);
    await look(announcer);
    await end();
    await look(announcer);
    await announcer.land();
    expect(spool.jobs()).toEqual([]);
  });
});
