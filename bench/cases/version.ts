import { join } from 'node:path';
import { compare } from '../compare.ts';
import { measure } from '../measure.ts';
import type { Case } from './case.ts';

/** `pip --version`: what the shim costs where it has nothing to do. */
export const version: Case = ({ lab, rounds }) => {
  const [real, shim] = ['the real pip', 'pip through the shim'];
  const ways = [
    { name: real, run: () => lab.run(lab.bin('pip'), ['--version'], lab.env(false)).took },
    { name: shim, run: () => lab.run(join(lab.shims, 'pip'), ['--version'], lab.env(true)).took },
  ];
  return [compare(measure(ways, rounds * 8), '`pip --version` through the shim', shim, real, { kind: 'difference', limit: 5 })];
};
