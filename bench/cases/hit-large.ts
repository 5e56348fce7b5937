import { compare, type Row } from '../compare.ts';
import type { Lab } from '../lab.ts';
import { measure, type Way } from '../measure.ts';
import { large, type Set } from '../sets.ts';
import { byPip, fill, served, type Case } from './case.ts';

const UV = 'uv, warm, no bytecode';
const COMPILING = 'uv, warm, `--compile-bytecode`';
const PIP = 'pip, warm cache';

/** A local hit of 150 wheels, in each way that the files can come out of the cache. */
export const hitLarge: Case = ({ lab, source, rounds }) => {
  const set = large(source);
  fill(lab, set);
  lab.freshVenv();
  lab.uv(['-r', set.file], { online: true });
  const label = `local hit, ${set.count} wheels with bytecode`;
  const ways = [
    served(lab, label, set, 'cached'),
    served(lab, 'the same, without ready copies', set, 'cached', { PKG_CACHE_READY_COPIES: 'off' }),
    served(lab, 'the same, hardlinked', set, 'cached', { PKG_CACHE_LINK_MODE: 'hardlink' }),
  ];
  const times = measure([...ways, byUv(lab, UV, set), byUv(lab, COMPILING, set, '--compile-bytecode'), byPip(lab, set, PIP)], rounds);
  return ways.flatMap(({ name }): Row[] => [
    compare(times, name, name, UV, { kind: 'ratio', limit: 2 }),
    compare(times, name, name, COMPILING, { kind: 'ratio', limit: 0.15 }),
    compare(times, name, name, PIP, { kind: 'ratio', limit: 0.03 }),
  ]);
};

function byUv(lab: Lab, name: string, set: Set, ...more: string[]): Way {
  return { name, prepare: () => lab.freshVenv(), run: () => lab.uv([...more, '-r', set.file]) };
}
