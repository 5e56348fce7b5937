import { mkdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Known } from '../../src/fleet/known.ts';
import { tempCache } from '../cache/support.ts';
import { DAY } from './support.ts';

it('what is known of a store is known to whoever comes next, with the time of the last mention, unless that was long ago', () => {
  const cache = tempCache();
  mkdirSync(cache.path('state'), { recursive: true });
  const now = Date.now();
  const [one, old, recent] = ['a', 'b', 'c'].map((digit) => digit.repeat(64)) as [string, string, string];
  const known = new Known(cache, 'here');
  known.mention(one, now);
  known.mention(one, now - DAY);
  known.mention(old, now - 31 * DAY);
  known.mention(recent, now - 29 * DAY);
  known.save(now);
  const next = new Known(cache, 'here');
  expect([one, old, recent].map((id) => next.mentionedAt(id))).toEqual([now, undefined, now - 29 * DAY]);
  expect(new Known(cache, 'there').mentionedAt(one)).toBeUndefined();
});
