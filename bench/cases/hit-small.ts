import { compare } from '../compare.ts';
import { measure } from '../measure.ts';
import { small } from '../sets.ts';
import { fill, served, type Case } from './case.ts';

/** A local hit so small that starting up is most of it. */
export const hitSmall: Case = ({ lab, source, rounds }) => {
  const set = small(source, lab);
  fill(lab, set);
  const [hit, copying, node] = ['local hit', 'local hit, copying', '`node -e 0`'];
  const ways = [
    { name: node, run: () => lab.run(process.execPath, ['-e', '0'], lab.env(false)).took },
    served(lab, hit, set, 'cached'),
    served(lab, copying, set, 'cached', { PKG_CACHE_READY_COPIES: 'off' }),
  ];
  const times = measure(ways, rounds * 3);
  return [
    compare(times, 'local hit, flask and its 6 dependencies', hit, node, { kind: 'ratio', limit: 2.5 }),
    compare(times, 'the same, without ready copies', copying, node),
  ];
};
