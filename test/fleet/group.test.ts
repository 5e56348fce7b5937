import { arch } from 'node:os';
import { expect, it } from 'vitest';
import { everywhereOf, groupOf } from '../../src/fleet/group.ts';
import { journalOf } from '../../src/fleet/journal.ts';
import { isKey } from '../../src/store/key.ts';

it('a group has what entries depend on in its name', () => {
  expect(groupOf(undefined)).toMatch(new RegExp(`^${process.platform}-${arch()}${process.platform === 'linux' ? '-(musl|glibc-[0-9.]+)' : ''}$`));
  expect(groupOf('image')).toBe(`${groupOf(undefined)}-image`);
});

it('what fits every machine is shared by all groups of a name, and by no others', () => {
  expect([everywhereOf(undefined), everywhereOf('image')]).toEqual(['any', 'any-image']);
});

it('whatever an operator calls it is a part of a key', () => {
  for (const name of ['../x', 'a b', 'ä', '']) for (const group of [groupOf(name), everywhereOf(name)]) expect(isKey(`${journalOf(group)}x`)).toBe(true);
});
