import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readSmall, listAll } from '../../src/fleet/small.ts';
import { unseal } from '../../src/fleet/seal.ts';
import { sha256 } from '../../src/hash.ts';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import type { Venv } from '../support/venv.ts';
import { served } from './support/offline.ts';
import { packagesIn } from './support/tree.ts';
import { startWorld, type World } from './support/world.ts';

/** A pointer as it is parsed, to be changed by somebody who may write to the bucket. */
interface Parsed {
  entry: { key: object; version: unknown; archive: unknown; size: unknown; meta: Record<string, unknown> };
  archive: unknown;
}

const ESCAPE = 'escaped-from-the-target';

let world: World;
let store: Store;
let expected: string[];
let pointerAt: string;
let pointer: Buffer;

beforeAll(async () => {
  world = await startWorld({ store: true });
  world.wheel({ name: 'ash', version: '1', files: { 'ash/__init__.py': '' }, data: { scripts: { 'ash-tool': '#!python\nprint(1)\n', 'ash-lib.py': 'x = 1\n' } }, consoleScripts: ['ash = ash:main'] });
  await world.worker().fill(await world.venv(), ['ash==1']);
  store = await openStore(world.store!, { env: world.s3!.env, circuit: memoryCircuit() });
  pointerAt = (await listAll(store, 'v1/pip/')).map(({ key }) => key).find((key) => key.includes('/ash/'))!;
  pointer = (await readSmall(store, pointerAt, 1 << 20))!;
  const venv = await world.venv();
  await world.realPip(venv, ['install', 'ash==1']);
  expected = installed(venv);
});

afterAll(async () => {
  store.close();
  await world.stop();
});

async function replaceBy(change: (parsed: Parsed) => unknown): Promise<void> {
  // What is too deep to be serialised is put in afterwards.
  const json = JSON.stringify(change(unseal(pointer) as Parsed)).replace('"DEEP"', '['.repeat(50_000) + ']'.repeat(50_000));
  await store.remove(pointerAt);
  await store.create(pointerAt, Buffer.from(`${sha256(json)}\n${json}\n`));
}

/** RECORD and scripts name the environment. */
function installed(venv: Venv): string[] {
  return Object.entries(packagesIn(venv)).map(([path, what]) => `${path} ${path.endsWith('/RECORD') ? '' : what}`);
}

/** Everything that an install could have left anywhere near the target. */
function escaped(root: string): string[] {
  // Background work goes on: what is gone as it is looked at is no failure.
  return spawnSync('find', [root, '-name', `*${ESCAPE}*`], { encoding: 'utf8' }).stdout.split('\n').filter((path) => path !== '');
}

const withMeta = (change: object) => (parsed: Parsed): unknown => ({ ...parsed, entry: { ...parsed.entry, meta: { ...parsed.entry.meta, ...change } } });
const withEntry = (change: object) => (parsed: Parsed): unknown => ({ ...parsed, entry: { ...parsed.entry, ...change } });

describe('a pointer that somebody wrote into the bucket is a miss with a reason, and nothing is written outside of the target', () => {
  it.each<[string, (parsed: Parsed) => unknown]>([
    ['a console script above its directory', withMeta({ consoleScripts: [{ name: `../../../${ESCAPE}`, value: 'ash:main' }] })],
    ['a Python script above its directory', withMeta({ pythonScripts: [`../../../../${ESCAPE}`] })],
    ['an escape sequence in its version', withEntry({ version: '1\u001b[31m' })],
    ['no archive', ({ entry }) => ({ entry })],
    ['deep nesting', withMeta({ deep: 'DEEP' })],
  ])('%s', async (_what, change) => {
    await replaceBy(change);
    const venv = await world.venv();
    const outcome = await world.worker({ PKG_CACHE_READ_ONLY: 'on' }).pip(venv, ['install', '-v', 'ash==1']);
    expect(outcome.code).toBe(0);
    expect(outcome.stderr).toMatch(/^pkg-cache: [^\n]*pointer[^\n]*; going on without it\n$/);
    expect(`${outcome.stdout}${outcome.stderr}`).not.toMatch(/\p{Cc}(?<![\n\t])|TypeError|RangeError/u);
    expect(served(outcome.stdout)).toEqual([]);
    expect(installed(venv)).toEqual(expected);
    expect(escaped(world.root)).toEqual([]);
    expect(existsSync(`/tmp/${ESCAPE}`)).toBe(false);
  });

  it.each<[string, (parsed: Parsed) => unknown]>([
    ['a Python script that it does not have', withMeta({ pythonScripts: ['birch-tool'] })],
    ['a script where it has a directory', withMeta({ consoleScripts: [{ name: '__pycache__', value: 'ash:main' }], pythonScripts: [] })],
    ['metadata that it does not have', withMeta({ distInfo: 'birch-1.dist-info' })],
  ])('%s, which only its files show', async (_what, change) => {
    await replaceBy(change);
    const venv = await world.venv();
    const worker = world.worker({ PKG_CACHE_READ_ONLY: 'on' });
    const outcome = await worker.pip(venv, ['install', '-v', 'ash==1']);
    expect(outcome).toMatchObject({ code: 0, stderr: '' });
    expect(served(outcome.stdout)).toEqual([]);
    expect(installed(venv)).toEqual(expected);
    // What pip has brought in its place may be cached by now.
    expect((await worker.rows()).map(({ status }) => status)).toContain('stalled');
  });

  it('and as it was, it is served', async () => {
    await store.remove(pointerAt);
    await store.create(pointerAt, pointer);
    const venv = await world.venv();
    const outcome = await world.worker().pip(venv, ['install', 'ash==1']);
    expect(served(outcome.stdout)).toEqual(['ash==1']);
    expect(installed(venv)).toEqual(expected);
    expect(existsSync(join(venv.bin, 'ash'))).toBe(true);
  });
});
