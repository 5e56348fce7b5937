import { EventEmitter, once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, readdirSync, truncateSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { buildSync } from 'esbuild';
import { expect, it } from 'vitest';
import type { LocalCache } from '../../src/cache/local.ts';
import { packageKey } from '../../src/npm/entry.ts';
import { Helper } from '../../src/npm/helper.ts';
import { Turns, groupsOf, placeInTurns, type Asked, type Placing } from '../../src/npm/placing.ts';
import { published, tempCache, tempDir } from '../cache/support.ts';

const LOCATIONS = ['node_modules/ash', 'node_modules/ash/node_modules/birch', 'node_modules/@oak/cedar', 'packages/elm/node_modules/birch'];

interface Given {
  readonly cache: LocalCache;
  readonly placing: Placing;
  readonly id: (location: string) => string;
}

/** A cache with a package for each location, and a stage in which their parents are. */
function given(): Given {
  const cache = tempCache();
  const stage = join(tempDir(), 'stage');
  const ids = new Map(LOCATIONS.map((location) => [location, published(cache, { key: packageKey(location, '1.0.0', 'sha512-x'), contents: { 'package.json': location, 'lib/a.js': location } }).id]));
  for (const parent of ['node_modules/@oak', 'packages/elm/node_modules']) mkdirSync(join(stage, parent), { recursive: true });
  return { cache, placing: { cacheDir: dirname(cache.root), stage, linkMode: 'private', umask: 0o022, groups: groupsOf([...ids]) }, id: (location) => ids.get(location)! };
}

/** What is in the stage where the packages should be. */
function placed({ placing }: Given): (string | undefined)[] {
  return LOCATIONS.map((location) => join(placing.stage, location, 'lib/a.js')).map((path) => (existsSync(path) ? readFileSync(path, 'utf8') : undefined));
}

/** The thread of the app. */
function realThread(): Worker {
  const dir = tempDir();
  buildSync({ entryPoints: { thread: join(import.meta.dirname, '../../src/npm/place-thread.ts') }, outdir: dir, outExtension: { '.js': '.mjs' }, bundle: true, format: 'esm', platform: 'node', target: 'node20.17' });
  return new Worker(join(dir, 'thread.mjs'));
}

/** Something that is taken for a thread: `asked` is what it does when it is asked. */
class FakeThread extends EventEmitter {
  readonly postMessage: (asked: Asked) => void;
  readonly terminate = (): Promise<number> => Promise.resolve(0);

  constructor(asked: (thread: FakeThread, turns: Turns, asked: Asked) => void) {
    super();
    this.postMessage = (message) => asked(this, new Turns(message.placing.groups.length, message.turns), message);
  }
}

function helped(asked: ConstructorParameters<typeof FakeThread>[0]): Helper {
  return Helper.start(() => new FakeThread(asked) as unknown as Worker)!;
}

it('packages that lie in each other are one group', () => {
  expect(groupsOf(LOCATIONS.map((location) => [location, 'id']))).toEqual([
    [
      ['node_modules/ash', 'id'],
      ['node_modules/ash/node_modules/birch', 'id'],
    ],
    [['node_modules/@oak/cedar', 'id']],
    [['packages/elm/node_modules/birch', 'id']],
  ]);
});

it('a real thread places all that nobody else does, and then ends', async () => {
  const world = given();
  const thread = realThread();
  const exit = once(thread, 'exit');
  thread.postMessage({ placing: world.placing, turns: new Turns(world.placing.groups.length).shared } satisfies Asked);
  expect(await once(thread, 'message')).toEqual([new Map(LOCATIONS.map((location) => [world.id(location), 2 * location.length]))]);
  expect(placed(world)).toEqual(LOCATIONS);
  expect(await exit).toEqual([0]);
});

it('a real thread and the one that asks it place everything once', async () => {
  const world = given();
  const helper = Helper.start(realThread)!;
  expect([...(await helper.place(world.cache, world.placing))!.keys()].sort()).toEqual(LOCATIONS.map((location) => world.id(location)).sort());
  expect(placed(world)).toEqual(LOCATIONS);
  helper.close();
});

it('sizes are those of both shares', async () => {
  const world = given();
  const helper = helped((thread, turns, { placing }) => {
    const first = turns.next()!;
    const theirs = placeInTurns(world.cache, { ...placing, groups: [placing.groups[first]!] }, new Turns(1));
    setImmediate(() => thread.emit('message', theirs?.sizes));
  });
  expect(new Map(await helper.place(world.cache, world.placing))).toEqual(new Map(LOCATIONS.map((location) => [world.id(location), 2 * location.length])));
  expect(placed(world)).toEqual(LOCATIONS);
});

it('nobody waits for a thread that has not started', async () => {
  const world = given();
  expect((await helped(() => undefined).place(world.cache, world.placing))?.size).toBe(LOCATIONS.length);
  expect(placed(world)).toEqual(LOCATIONS);
});

it.each(['exit', 'error'])('a thread that has begun with something, and then: %s', async (event) => {
  const world = given();
  const helper = helped((thread, turns) => {
    turns.next();
    setImmediate(() => thread.emit(event, new Error('out of memory')));
  });
  expect(await helper.place(world.cache, world.placing)).toBeUndefined();
});

it('a thread that is gone already is not missed', async () => {
  const world = given();
  const thread = new FakeThread(() => undefined);
  const helper = Helper.start(() => thread as unknown as Worker)!;
  thread.emit('error', new Error('not allowed to start'));
  expect((await helper.place(world.cache, world.placing))?.size).toBe(LOCATIONS.length);
});

it('where no thread can be started there is no helper', () => {
  expect(
    Helper.start(() => {
      throw new Error('EAGAIN');
    }),
  ).toBeUndefined();
});

it('a package that is damaged: both stop, and it is put aside', async () => {
  const world = given();
  truncateSync(join(world.cache.entryDir(world.id(LOCATIONS[0]!)), 'tree/lib/a.js'));
  let isThroughThen = false;
  const helper = helped((thread, turns) => {
    turns.next();
    setImmediate(() => {
      isThroughThen = turns.next() === undefined;
      thread.emit('message', new Map());
    });
  });
  const order = { ...world.placing, groups: [...world.placing.groups.slice(1), ...world.placing.groups.slice(0, 1)] };
  expect(await helper.place(world.cache, order)).toBeUndefined();
  expect(isThroughThen).toBe(true);
  expect(readdirSync(world.cache.path('stalled'))).toHaveLength(1);
});

it('a package that is gone: undefined, and no other is begun with', () => {
  const world = given();
  const turns = new Turns(2);
  expect(placeInTurns(world.cache, { ...world.placing, groups: [[['node_modules/ash', 'f'.repeat(64)]], world.placing.groups[1]!] }, turns)).toBeUndefined();
  expect(turns.next()).toBeUndefined();
  expect(placed(world)).toEqual(LOCATIONS.map(() => undefined));
});
