import { describe, expect, it } from 'vitest';
import { AWKWARD, MINORS, pins } from './distributions.ts';

describe.each(MINORS)('the set for CPython %s', (minor) => {
  it('is large, sorted, and names each distribution once', () => {
    const names = pins(minor).map(({ name }) => name);
    expect(names.length).toBeGreaterThanOrEqual(60);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual([...names].sort());
  });

  it('has all the awkward ones', () => {
    const names = new Set(pins(minor).map(({ name }) => name));
    // See the set of 3.8 for why it does without docopt.
    expect(Object.keys(AWKWARD).filter((name) => !names.has(name))).toEqual(minor === '3.8' ? ['docopt'] : []);
  });
});
