import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LocalCache } from '../../src/cache/local.ts';
import type { PkgCacheError } from '../../src/errors.ts';
import { uploadPending, type BackgroundOptions } from '../../src/fleet/background.ts';
import { Refusals } from '../../src/fleet/refusals.ts';
import { Spool } from '../../src/fleet/spool.ts';
import { sync } from '../../src/fleet/sync.ts';
import { denied, storeCause, unavailable } from '../../src/store/failure.ts';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { tempCache } from '../cache/support.ts';
import { startFaultServer, type Fault, type FaultServer } from '../support/fault-server.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { overStore } from '../support/over-store.ts';
import { startS3, type S3Server } from '../support/s3-server.ts';
import { fill, keyOf, worker } from './support.ts';

let s3: S3Server;
let proxies: FaultServer[] = [];

beforeAll(async () => void (s3 = await startS3()));

afterAll(async () => {
  for (const proxy of proxies) await proxy.stop();
  await s3.stop();
});

/** A bucket whose objects of that many bytes and more meet with a fault when they are written. */
async function bucket(prefix: string, fault: Fault, bytes: number): Promise<{ proxy: FaultServer; open: () => Promise<Store> }> {
  const isHit = ({ method, headers }: IncomingMessage): boolean => method === 'PUT' && Number(headers['content-length']) >= bytes;
  const proxy = await startFaultServer((req) => (isHit(req) ? fault : 'pass'), { upstream: s3.url });
  proxies = [...proxies, proxy];
  return { proxy, open: () => openStore(`s3://${s3.bucket}/${prefix}`, { env: proxy.env, circuit: memoryCircuit() }) };
}

interface Background {
  readonly cache: LocalCache;
  readonly options: BackgroundOptions;
  readonly refusals: Refusals;
  readonly log: string[];
  denials: number;
}

/** A worker with entries that wait to be uploaded, of which the third is large. */
function waiting(open: () => Promise<Store>, { count = 6, afresh = false, cache = tempCache() } = {}): Background {
  const log: string[] = [];
  const refusals = new Refusals(cache, 'test', { afresh });
  const spool = new Spool(cache);
  for (let n = 0; n < count; n++) {
    const [local] = fill(cache, 1, { from: n, bytes: n === 2 ? 200_000 : 1000 });
    spool.addUpload(local!.id);
  }
  const background: Background = { cache, refusals, log, denials: 0, options: { cache, spool, openStore: open, collectors: {}, assemblers: {}, log: (message) => void log.push(message), refusals, wasDenied: () => (background.denials += 1) } };
  return background;
}

const left = ({ options }: Background): number => options.spool.uploads().length;

describe('an upload that is refused for its own sake', () => {
  it.each<Fault>(['too-large', 'forbidden'])('does not stop the others: %s', async (fault) => {
    const { open, proxy } = await bucket(`others-${fault}`, fault, 200_000);
    const one = waiting(open);
    expect(await uploadPending(one.options)).toBeUndefined();
    expect(left(one)).toBe(1);
    expect([...one.refusals.all().values()]).toMatchObject([{ what: 'package-2==2.0', tries: 1, why: expect.stringMatching(/413|403/) as string }]);
    expect(one.denials).toBe(0);
    const requests = proxy.requests;
    expect(await uploadPending(one.options)).toBeUndefined();
    expect(proxy.requests).toBe(requests); // not again so soon
  });

  it('is tried again when somebody asks by name, once, and stored when that is possible', async () => {
    const store = new MemoryStore();
    let taken = false;
    const refusing = overStore(store, { create: (key, payload) => (!taken && !(payload instanceof Uint8Array) && (payload as { size: number }).size > 100_000 ? Promise.reject(tooLarge) : store.create(key, payload)) });
    const open = (): Promise<Store> => Promise.resolve(overStore(refusing, { close: () => undefined }));
    const one = waiting(open);
    await uploadPending(one.options);
    expect(left(one)).toBe(1);
    const again = waiting(open, { cache: one.cache, count: 0, afresh: true });
    await uploadPending(again.options);
    await uploadPending(again.options);
    expect(again.refusals.all().get(again.options.spool.uploads()[0]!)).toMatchObject({ tries: 2 });
    taken = true;
    const last = waiting(open, { cache: one.cache, count: 0, afresh: true });
    await uploadPending(last.options);
    expect(left(last)).toBe(0);
    expect(last.refusals.all().size).toBe(0);
  });

  it('stops no sync, and is not sent with every sync', async () => {
    const { open, proxy } = await bucket('sync', 'too-large', 200_000);
    const store = await open();
    const one = worker(store);
    const refusals = new Refusals(one.cache, 'test');
    for (let n = 0; n < 4; n++) fill(one.cache, 1, { from: n, bytes: n === 1 ? 200_000 : 1000 });
    const fleet = { ...one.fleet, refusals };
    expect(await sync(fleet)).toMatchObject({ up: 3 });
    expect(refusals.all().size).toBe(1);
    const before = proxy.log.filter(({ method }) => method === 'PUT').length;
    expect(await sync(fleet)).toMatchObject({ up: 0 });
    expect(proxy.log.filter(({ method }) => method === 'PUT')).toHaveLength(before);
    store.close();
  });
});

const tooLarge = unavailable('test', 'no usable answer', { cause: storeCause('EntityTooLarge', 413) });

describe('a store that fails as a whole', () => {
  it.each<[string, PkgCacheError]>([
    ['down', unavailable('test', 'is down', { cause: storeCause('Error', undefined, 'ECONNREFUSED') })],
    ['an internal error', unavailable('test', 'no', { cause: storeCause('InternalError', 500) })],
    ['full', unavailable('test', 'no', { cause: storeCause('QuotaExceeded', 507) })],
    ['throttling', unavailable('test', 'no', { cause: storeCause('TooManyRequests', 429) })],
    ['without a bucket', unavailable('test', 'no', { cause: storeCause('NoSuchBucket', 404) })],
    ['not to be written', denied('test', 'no', { cause: storeCause('AccessDenied', 403) })],
  ])('is not asked for each entry: %s', async (_, error) => {
    const store = new MemoryStore();
    let asked = 0;
    const failing = overStore(store, { create: () => (asked++, Promise.reject(error)) });
    const one = waiting(() => Promise.resolve(failing));
    expect(await uploadPending(one.options)).toBe(error.message);
    expect(asked).toBe(error.code === 'STORE_DENIED' ? 2 : 1); // the second is to find out whether that is so for all
    expect(one.denials).toBe(error.code === 'STORE_DENIED' ? 1 : 0);
    expect(left(one)).toBe(6);
    expect([...one.refusals.all().values()].filter(({ tries }) => tries > 0)).toEqual([]);
  });

  it('fails at the same entry once: what was at hand comes last the next time', async () => {
    const store = new MemoryStore();
    const reset = unavailable('test', 'reset', { cause: storeCause('Error', undefined, 'ECONNRESET') });
    const failing = overStore(store, { create: (key, payload) => (!(payload instanceof Uint8Array) && (payload as { size: number }).size > 100_000 ? Promise.reject(reset) : store.create(key, payload)) });
    const one = waiting(() => Promise.resolve(failing));
    await uploadPending(one.options);
    await uploadPending(one.options);
    expect(left(one)).toBe(1);
  });
});

describe('an entry that cannot be read here', () => {
  it('without its list is put aside, and the others go up', async () => {
    const store = new MemoryStore();
    const one = waiting(() => Promise.resolve(store), { count: 5 });
    rmSync(join(one.cache.lookup(keyOf(1))!.dir, 'files.json'));
    await uploadPending(one.options);
    expect(left(one)).toBe(0);
    expect(one.cache.lookup(keyOf(1))).toBeUndefined();
    expect([...store.requests.keys()]).toContain('create');
    expect(one.log.filter((line) => line.startsWith('uploaded'))).toHaveLength(4);
  });

  it('for whatever reason is refused, and the others go up', async () => {
    const store = new MemoryStore();
    const one = waiting(() => Promise.resolve(store), { count: 5 });
    const { dir } = one.cache.lookup(keyOf(1))!;
    const path = join(dir, 'tree/lib/package_1/data.bin');
    // A directory in the place of a file: EISDIR, which says nothing about damage.
    rmSync(path);
    mkdirSync(path);
    await uploadPending(one.options);
    expect(left(one)).toBeLessThanOrEqual(1);
    expect(one.log.filter((line) => line.startsWith('uploaded'))).toHaveLength(4);
    expect(one.log.some((line) => line.startsWith('not uploaded: package-1==1.0'))).toBe(true);
  });
});

it('what lies in the file of refusals is not believed', () => {
  const cache = tempCache();
  const refusals = new Refusals(cache, 'test');
  refusals.note('a', 'a==1', 'no');
  const path = readdirSync(cache.path('state')).find((name) => name.startsWith('refused-'))!;
  for (const text of ['', '{', '[1, null, {}]', '[{"id":1}]', '{"a":1}']) {
    writeFileSync(cache.path('state', path), text);
    expect(new Refusals(cache, 'test').all().size).toBe(0);
  }
});

it('pauses grow from ten minutes to a day', () => {
  const cache = tempCache();
  const refusals = new Refusals(cache, 'test');
  const pauses: number[] = [];
  for (let n = 0; n < 12; n++) {
    refusals.note('a', 'a==1', 'no');
    const { at } = refusals.all().get('a')!;
    const minutes = [5, 10, 20, 40, 80, 160, 320, 640, 1280, 1440, 10_000].find((each) => refusals.due(['a'], at + each * 60_000).length > 0)!;
    pauses.push(minutes);
  }
  expect(pauses.slice(0, 4)).toEqual([10, 20, 40, 80]);
  expect(pauses.at(-1)).toBe(1440);
});
