import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import type { Backend } from '../../src/store/backend.ts';
import { CIRCUIT_MS, memoryCircuit } from '../../src/store/circuit.ts';
import type { Limits } from '../../src/store/limits.ts';
import { resilient } from '../../src/store/resilient.ts';
import { openS3 } from '../../src/store/s3.ts';
import type { Payload } from '../../src/store/store.ts';
import { startFaultServer, type Fault } from '../support/fault-server.ts';
import { outcome, read } from './helpers.ts';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A store on a server that plays `fault()`, with limits and a clock that a test can afford. */
async function behind(fault: () => Fault, limits: Partial<Limits> = {}) {
  const server = await startFaultServer(() => fault());
  const backend = await openS3({ bucket: 'bucket', prefix: '' }, server.env);
  const clock = { now: 1_700_000_000_000 };
  const circuit = memoryCircuit();
  const store = resilient(backend, { circuit, limits, now: () => clock.now });
  stops.push(() => store.close(), server.stop);
  return { server, store, circuit, clock };
}

/** A backend whose one object arrives as `chunks` do. */
function flowing(size: number, chunks: () => AsyncIterable<Buffer>): Backend {
  return {
    label: 'flowing',
    get: async () => ({ size, body: Readable.from(chunks(), { objectMode: false }) }),
    create: async () => 'created',
    list: async () => ({ objects: [], more: false }),
    remove: async () => undefined,
    tidy: async () => 0,
    now: async () => Date.now(),
    close: () => undefined,
  };
}

const IMPATIENT = { firstByteMs: 200, budgetMs: 300, answerCreditMs: 0 };

async function* paced(count: number, bytes: number, ms: number): AsyncGenerator<Buffer> {
  for (let n = 0; n < count; n++) {
    await sleep(ms);
    yield Buffer.alloc(bytes);
  }
}

it('asks again once the circuit has closed, and stays closed when that works', async () => {
  let fault: Fault = 'internal-error';
  const { server, store, circuit, clock } = await behind(() => fault);
  expect(await outcome(store.get('x'))).toBe('STORE_UNAVAILABLE');
  const before = server.requests;

  fault = 'pass';
  clock.now += CIRCUIT_MS - 1;
  expect(await outcome(store.get('x'))).toBe('STORE_UNAVAILABLE');
  expect(server.requests).toBe(before);

  clock.now += 1;
  expect(await store.get('x')).toBeUndefined();
  expect(circuit.openUntil()).toBeUndefined();
});

it('opens again when the store still fails after that', async () => {
  const { store, circuit, clock } = await behind(() => 'black-hole', IMPATIENT);
  expect(await outcome(store.get('x'))).toBe('STORE_UNAVAILABLE');
  clock.now += CIRCUIT_MS;
  expect(await outcome(store.get('x'))).toBe('STORE_UNAVAILABLE');
  expect(circuit.openUntil()).toBe(clock.now + CIRCUIT_MS);
});

it('says why it does not ask', async () => {
  const { store } = await behind(() => 'forbidden');
  await outcome(store.get('x'));
  await expect(store.get('x')).rejects.toThrow(/not asked again.*AccessDenied/);
});

it('lets a slow but steady body take longer than the whole budget', async () => {
  const store = resilient(flowing(300_000, () => paced(15, 20_000, 60)), { circuit: memoryCircuit(), limits: IMPATIENT });
  expect((await read(store, 'x'))?.length).toBe(300_000);
});

it('gives up a body below the floor', async () => {
  const circuit = memoryCircuit();
  const store = resilient(flowing(1500, () => paced(15, 100, 60)), { circuit, limits: IMPATIENT });
  expect(await outcome(read(store, 'x'))).toBe('STORE_UNAVAILABLE');
  expect(circuit.openUntil()).toBeDefined();
});

it('does not blame the store for a slow reader', async () => {
  const store = resilient(flowing(5_000_000, () => paced(50, 100_000, 0)), { circuit: memoryCircuit(), limits: IMPATIENT });
  const object = await store.get('x');
  await sleep(600);
  let size = 0;
  for await (const chunk of object!.body) {
    if (size === 0) await sleep(600);
    size += (chunk as Buffer).length;
  }
  expect(size).toBe(5_000_000);
});

it('does not blame the store for a busy event loop', async () => {
  const { store } = await behind(() => 'pass', { firstByteMs: 800, budgetMs: 900, answerCreditMs: 0 });
  const asked = read(store, 'x');
  await sleep(5);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500);
  expect(await asked).toBeUndefined();
});

it('survives a body that fails before anybody reads it', async () => {
  const { store } = await behind(() => 'pass', IMPATIENT);
  await store.create('x', Buffer.alloc(1000));
  const broken = await behind(() => 'reset', {});
  expect(await outcome(broken.store.get('x'))).toBe('STORE_UNAVAILABLE');
  const failing = resilient(
    flowing(10, async function* () {
      yield Buffer.alloc(5);
    }),
    { circuit: memoryCircuit() },
  );
  const object = await failing.get('x');
  object!.body.read(0);
  await sleep(50);
  expect(await outcome(object!.body.toArray())).toBe('STORE_UNAVAILABLE');
});

it.each<[string, () => AsyncIterable<Buffer>]>([
  ['fewer', () => paced(1, 9, 0)],
  ['more', () => paced(1, 11, 0)],
])('refuses a body with %s bytes than announced', async (_, chunks) => {
  const store = resilient(flowing(10, chunks), { circuit: memoryCircuit() });
  expect(await outcome(read(store, 'x'))).toBe('STORE_UNAVAILABLE');
});

const UPLOAD = { createAnswerMs: 200, createSilenceMs: 200, createWindow: 1000 };

it('gives up an upload that is not answered, and with it the store', async () => {
  const { store, circuit } = await behind(() => 'black-hole', UPLOAD);
  expect(await outcome(store.create('x', Buffer.from('x')))).toBe('STORE_UNAVAILABLE');
  expect(circuit.openUntil()).toBeDefined();
});

it('lets an upload that progresses take its time, and gives up one that stops', async () => {
  const uploading = (steps: number): Backend => ({
    ...flowing(0, () => paced(0, 0, 0)),
    create: async (_key: string, _payload: Payload, watch) => {
      for (let n = 0; n < steps; n++) {
        await sleep(80);
        watch.progress(n);
      }
      return await (steps < 10 ? new Promise<never>(() => undefined) : Promise.resolve('created' as const));
    },
  });
  const payload = Buffer.alloc(100);
  const create = (steps: number) =>
    resilient(uploading(steps), { circuit: memoryCircuit(), limits: UPLOAD }).create('x', payload);
  expect(await create(10)).toBe('created');
  expect(await outcome(create(2))).toBe('STORE_UNAVAILABLE');
});

it('waits as long as it takes to make what is uploaded, and no longer than allowed for the store to take it', async () => {
  const taking = (thenStuck: boolean): Backend => ({
    ...flowing(0, () => paced(0, 0, 0)),
    create: async (_key: string, payload: Payload) => {
      if (payload instanceof Uint8Array || !('pieces' in payload)) throw new Error('not a stream');
      let taken = 0;
      for await (const piece of payload.pieces) taken += piece.length;
      expect(taken).toBe(20);
      return await (thenStuck ? new Promise<never>(() => undefined) : Promise.resolve('created' as const));
    },
  });
  const create = (backend: Backend) => resilient(backend, { circuit: memoryCircuit(), limits: UPLOAD }).create('x', { pieces: paced(2, 10, 500), atMost: 100 });
  expect(await create(taking(false))).toBe('created');
  expect(await outcome(create(taking(true)))).toBe('STORE_UNAVAILABLE');
});
