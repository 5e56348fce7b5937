import { expect, it } from 'vitest';
import { alsoTold } from '../src/log.ts';

it('a log that tells somebody as well leaves out single entries, unless something is wrong with them', () => {
  const kept: string[] = [];
  const told: string[] = [];
  const log = alsoTold((message) => void kept.push(message), (message) => void told.push(message));
  log('sync: 2 brought down');
  log('cached some-name==1', { entry: 'some-name==1' });
  log('not cached: other', { entry: 'other', level: 'warn' });
  expect(kept).toEqual(['sync: 2 brought down', 'cached some-name==1', 'not cached: other']);
  expect(told).toEqual(['sync: 2 brought down', 'not cached: other']);
});
