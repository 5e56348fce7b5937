import { expect, it } from 'vitest';
import { installationOrder } from '../../src/pip/order.ts';
import { askParts, dice } from './support.ts';

type Edges = Readonly<Record<string, readonly string[]>>;

/** A graph in which everything hangs on the root, `''`, with `density` of 10 possible edges, in both directions if `cyclic`. */
function randomGraph(seed: number): Edges {
  const roll = dice(seed);
  const names = Array.from({ length: 1 + roll(8) }, (_, i) => `p${i}`);
  const density = roll(6);
  const cyclic = roll(2) === 1;
  const edges = names.map((name, i) => [name, names.filter((_, j) => i !== j && (cyclic || j > i) && roll(10) < density)] as const);
  const children = new Set(edges.flatMap(([, to]) => to));
  const roots = names.filter((name, i) => i === 0 || !children.has(name) || roll(3) === 0);
  return { '': reachableFrom(roots, Object.fromEntries(edges), names), ...Object.fromEntries(edges) };
}

/** The roots, and one of each part that none of them leads to. */
function reachableFrom(roots: readonly string[], edges: Edges, names: readonly string[]): string[] {
  const seen = new Set<string>();
  const visit = (name: string): void => {
    if (seen.has(name)) return;
    seen.add(name);
    edges[name]!.forEach(visit);
  };
  roots.forEach(visit);
  const all = [...roots];
  for (const name of names) {
    if (seen.has(name)) continue;
    all.push(name);
    visit(name);
  }
  return all;
}

const GRAPHS: readonly Edges[] = [
  { '': ['a'], a: [] },
  { '': ['a', 'b'], a: [], b: [] },
  { '': ['a'], a: ['b'], b: ['c'], c: [] },
  { '': ['a'], a: ['b'], b: ['a'] },
  { '': ['a', 'c'], a: ['b'], b: ['a', 'c'], c: [] },
  ...Array.from({ length: 300 }, (_, seed) => randomGraph(seed)),
];

it('packages are installed in the order in which pip installs them', () => {
  const expected = askParts<string[]>('order', GRAPHS);
  GRAPHS.forEach((edges, i) => {
    const graph = new Map(Object.entries(edges).map(([name, children]) => [name === '' ? null : name, new Set(children)]));
    expect({ edges, order: installationOrder(graph, Object.keys(edges).filter((name) => name !== '')) }).toEqual({ edges, order: expected[i] });
  });
});

it('what is installed already has a place in the graph, and none in the order', () => {
  const graph = new Map([[null, new Set(['a'])], ['a', new Set(['b'])], ['b', new Set(['c'])], ['c', new Set<string>()]] as const);
  expect(installationOrder(graph, ['a', 'c'])).toEqual(['c', 'a']);
});
