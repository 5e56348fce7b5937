import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { fleetStateFile } from '../../src/fleet/start.ts';
import { FleetState } from '../../src/fleet/state.ts';
import { tempCache } from '../cache/support.ts';

const NOTHING_READ = { journal: undefined, recent: [] };

it.each(['null', '[]', '{', '{"read":7}', '{"read":{"g":null}}', '{"read":{"g":{"journal":7,"recent":[]}}}', '{"read":{"g":{"recent":"x"}}}', '{"triedAt":"soon"}', '{"worker":"../../x"}', '{"problem":"\\u001b[2J"}', '{"live":{}}', '{"coldTries":-1}'])('a file that says %s says nothing, and can be written again', (text) => {
  const cache = tempCache();
  const path = fleetStateFile(cache, 'test');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  const state = new FleetState(cache, 'test');
  expect(state.read()).toEqual({});
  expect(state.position('g')).toEqual(NOTHING_READ);
  const position = { journal: 'v1/journal/g/x', recent: ['v1/journal/g/x'] };
  state.moveTo('g', position);
  state.update({ triedAt: 5, problem: 'two\nlines', worker: 'abc' });
  expect(new FleetState(cache, 'test').read()).toEqual({ read: { g: position }, triedAt: 5, problem: 'two\nlines', worker: 'abc' });
});
