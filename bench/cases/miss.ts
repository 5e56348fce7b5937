import { rmSync } from 'node:fs';
import { compare } from '../compare.ts';
import { measure, type Way } from '../measure.ts';
import { medium } from '../sets.ts';
import { byPip, type Case } from './case.ts';

/** Nothing is cached, and the real pip does it all: what the shim adds until it returns. */
export const miss: Case = ({ lab, source, rounds }) => {
  const set = medium(source, lab);
  const env = { PKG_CACHE_DIR: lab.path('miss-cache') };
  const label = `miss, ${set.count} wheels`;
  const missing: Way = {
    name: label,
    prepare: () => {
      lab.freshVenv();
      rmSync(env.PKG_CACHE_DIR, { recursive: true, force: true });
    },
    run: () => lab.shim(['-r', set.file], env).took,
    settle: () => lab.flush(env),
  };
  const times = measure([byPip(lab, set), missing], rounds);
  rmSync(env.PKG_CACHE_DIR, { recursive: true });
  return [compare(times, label, label, 'pip, warm cache', { kind: 'ratio', limit: 1.05 })];
};
