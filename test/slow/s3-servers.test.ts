/**
 * The whole path on every S3 server that can be had: `npm run test:s3`. PKG_CACHE_TEST_S3 names those that are to be tried (a list with commas).
 * What each of them lacks is written at the end, as it stands in docs/s3.md.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { startWorld, type World } from '../e2e/support/world.ts';
import type { Worker } from '../e2e/support/worker.ts';
import { KINDS, programOf, startKind, type KindName, type KindServer } from '../support/s3-kinds.ts';
import { outcome, read } from '../store/helpers.ts';

const wanted = process.env['PKG_CACHE_TEST_S3']?.split(',') ?? Object.keys(KINDS);
const names = (Object.keys(KINDS) as KindName[]).filter((name) => wanted.includes(name));
const programs = new Map<KindName, string>();
for (const name of names) {
  const program = await programOf(name);
  if (typeof program === 'string') console.warn(program);
  else programs.set(name, program.path);
}

const LARGE = 17_000_000;
const lacks = new Map<string, string[]>();
let world: World;

beforeAll(async () => {
  world = await startWorld();
  world.wheel({ name: 'ash', version: '1.0' });
  world.wheel({ name: 'birch', version: '1.0' });
});

afterAll(async () => {
  for (const [name, what] of lacks) console.info(`${name}: the whole path${what.length === 0 ? '' : `; lacks ${what.join(', ')}`}`);
  await world.stop();
});

it('at least one server is there', () => {
  expect([...programs.keys()]).not.toEqual([]);
});

describe.each([...programs])('%s', (name, path) => {
  let server: KindServer;
  let one: Worker;
  let store: Store;
  const worker = (): Worker => world.worker({ ...server.env, PKG_CACHE_STORE: `s3://${server.bucket}/fleet` });

  beforeAll(async () => {
    server = await startKind(name, path);
    one = worker();
    store = await openStore(`s3://${server.bucket}/direct`, { env: server.env, circuit: memoryCircuit() });
    lacks.set(name, []);
  });
  afterAll(async () => {
    store.close();
    await server.stop();
  });

  it('misses, uploads, hits', async () => {
    await one.fill(await world.venv(), ['ash==1.0', 'birch==1.0']);
    expect(await one.cached()).toEqual(['ash==1.0', 'birch==1.0']);
    const hit = await worker().pip(await world.venv(), ['install', 'ash==1.0', 'birch==1.0']);
    expect(hit, hit.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining('(store)') });
  });

  it('syncs', async () => {
    const two = worker();
    expect(await two.cli(['sync', '--once'])).toMatchObject({ code: 0 });
    expect(await two.cached()).toEqual(['ash==1.0', 'birch==1.0']);
  });

  it('makes a snapshot, and warms up with it', async () => {
    expect(await one.cli(['snapshot', '--now'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/: 2 entries/) });
    const three = worker();
    expect(await three.cli(['warm'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/: 2 entries/) });
  });

  it('collects garbage, and verifies', async () => {
    const gone = await one.cli(['store', 'gc', '--yes']);
    expect(gone).toMatchObject({ code: 0, stdout: expect.stringContaining('removed 0 objects') });
    if (gone.stdout.includes('abandoned uploads stay')) lacks.get(name)?.push('the list of unfinished uploads');
    expect(await one.cli(['verify', '--store'])).toMatchObject({ code: 0, stdout: '2 checked, 0 damaged\n' });
    expect(await one.cli(['store', 'rm', 'ash', '--yes'])).toMatchObject({ code: 0 });
  });

  it('takes large objects, and gives ranges', async () => {
    const file = join(world.root, 'large');
    writeFileSync(file, Buffer.alloc(LARGE, 'the quick brown fox'));
    expect(await store.create('v1/large', { path: file, size: LARGE })).toBe('created');
    expect(await store.create('v1/large', { path: file, size: LARGE })).toBe('exists');
    expect((await read(store, 'v1/large'))?.length).toBe(LARGE);
    const part = await store.get('v1/large', { start: 4, length: 5 });
    expect(part?.size).toBe(5);
    part?.body.destroy();
    expect(await store.get('v1/none')).toBeUndefined();
  });

  it('lists page by page', async () => {
    for (const key of ['a', 'b', 'bb/c', 'b-', 'd']) expect(await store.create(`v1/list/${key}`, Buffer.from(key))).toBe('created');
    const seen: string[] = [];
    for (let after: string | undefined, more = true; more; more = after !== undefined) {
      const page = await store.list('v1/list/', { after, limit: 2 });
      seen.push(...page.objects.map(({ key }) => key.slice('v1/list/'.length)));
      after = page.next;
    }
    const ordered = name !== 's3rver';
    // s3rver goes by its directories, and by the names of its files, which end in `._S3rver_object`.
    expect(seen).toEqual(ordered ? ['a', 'b', 'b-', 'bb/c', 'd'] : ['a', 'b-', 'bb/c', 'd']);
    if (!ordered) lacks.get(name)?.push('the order of keys in listings');
  });

  it('lets one of several writers win, or says that it does not', async () => {
    const outcomes = await Promise.all(Array.from({ length: 8 }, (_, n) => store.create('v1/race', Buffer.from(`writer ${n}`))));
    expect(outcomes).toContain('created');
    // Whoever reads gets the bytes of one of them, whole.
    expect(String(await read(store, 'v1/race'))).toMatch(/^writer \d$/);
    if (outcomes.filter((each) => each === 'created').length > 1) lacks.get(name)?.push('conditional writes');
    await store.remove('v1/race');
    expect(await outcome(store.now())).toBe('ok');
  });
});
