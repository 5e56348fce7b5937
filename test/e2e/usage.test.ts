import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Worker } from './support/worker.ts';
import { startWorld, type World } from './support/world.ts';

let world: World;
let worker: Worker;

beforeAll(async () => {
  world = await startWorld();
  worker = world.worker({ PKG_CACHE_STORE: world.root });
});

afterAll(async () => await world.stop());

it.each<[string, string]>([
  ['frob', 'there is no command frob'],
  ['--frob', 'Unknown argument: frob'],
  ['status --frob', 'Unknown argument: frob'],
  ['status -n few', '--limit takes a whole number, 0 or more, once'],
  ['status -n 1 -n 2', '--limit takes a whole number, 0 or more, once'],
  ['status --sort colour', 'Invalid values: Argument: sort, Given: "colour", Choices: "size", "used", "name"'],
  ['logs -n', 'Not enough arguments following: n'],
  ['logs -n 1.5', '--lines takes a whole number, 0 or more, once'],
  ['stats --days 0', '--days takes a whole number, 1 or more, once'],
  ['stats --json --prometheus', '--json, --prometheus and --reset exclude each other'],
  ['stats --prometheus --days 3', '--prometheus takes no --days: its counters count on from the last reset'],
  ['verify --remove', '--remove goes with --store'],
  ['config get', 'name a setting'],
  ['config get colour', 'there is no setting colour'],
  ['config set max_days', 'set needs a value'],
  ['config set max_days often', 'max_days: often is not a number of days'],
  ['explain pip install x', 'Unknown arguments: pip, install, x'],
  ['store', 'Not enough non-option arguments: got 0, need at least 1'],
  ['store gc --unused x', '--unused takes a whole number, 1 or more, once'],
  ['sync', 'Missing required argument: once (the background process syncs by itself; --once does it now)'],
  ['snapshot', 'Missing required argument: now (the background process makes snapshots by itself; --now makes one at once)'],
])('pkg-cache %s: says what is wrong with it, in a line, and does nothing', async (line, message) => {
  const { code, stdout, stderr } = await worker.cli(line.split(' '));
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  const [first, ...rest] = stderr.split('\n');
  expect(first).toBe(`pkg-cache: ${message}`);
  expect(rest.length).toBeLessThanOrEqual(2); // what to do, perhaps
});

it('breaks the lines of its help between words', async () => {
  const { stdout } = await worker.cli(['--help']);
  expect(stdout.split('\n').filter((line) => line.length > 100)).toEqual([]);
  expect(stdout.replace(/\s+/g, ' ')).toContain('Show what is in the local cache, and what waits to be stored');
});
