/** Who depends on whom; `null` is the root that the user's requirements hang on. */
export type Graph = ReadonlyMap<string | null, ReadonlySet<string>>;

/**
 * The order in which pip installs the members of a set: dependencies first, ties broken by name, both in reverse
 * (pip/_internal/resolution/resolvelib/resolver.py, get_installation_order). It decides which of two packages wins a file that both have.
 */
export function installationOrder(graph: Graph, names: Iterable<string>): string[] {
  const wanted = new Set(names);
  const weights = topologicalWeights(graph, wanted);
  const weight = (name: string): number => weights.get(name) ?? 0;
  return [...wanted].sort((a, b) => weight(b) - weight(a) || (a < b ? 1 : -1));
}

/** pip's get_topological_weights: leaves are pruned round by round, what remains (cycles) is walked from the root. */
function topologicalWeights(graph: Graph, wanted: ReadonlySet<string>): Map<string, number> {
  const rest = new Map([...graph].map(([name, children]) => [name, new Set(children)]));
  const weights = new Map<string, number>();
  for (let leaves = leavesOf(rest); leaves.length > 0; leaves = leavesOf(rest)) {
    const weight = rest.size - 1;
    for (const leaf of leaves) if (wanted.has(leaf)) weights.set(leaf, weight);
    for (const leaf of leaves) rest.delete(leaf);
    for (const children of rest.values()) for (const leaf of leaves) children.delete(leaf);
  }
  for (const [name, depths] of walkCycles(rest, wanted)) weights.set(name, Math.max(...depths));
  return weights;
}

function leavesOf(graph: ReadonlyMap<string | null, ReadonlySet<string>>): string[] {
  return [...graph].flatMap(([name, children]) => (name !== null && children.size === 0 ? [name] : []));
}

/** How often a node is walked through at most: the walk is exponential otherwise. */
const MAX_VISITS = 5;

function walkCycles(graph: ReadonlyMap<string | null, ReadonlySet<string>>, wanted: ReadonlySet<string>): Map<string, number[]> {
  const path = new Set<string | null>();
  const depths = new Map<string, number[]>();
  const visit = (node: string | null): void => {
    const seen = node === null ? [] : (depths.get(node) ?? []);
    if (path.has(node) || seen.length >= MAX_VISITS) return;
    path.add(node);
    for (const child of graph.get(node) ?? []) visit(child);
    path.delete(node);
    if (node !== null && wanted.has(node)) depths.set(node, [...seen, path.size]);
  };
  visit(null);
  return depths;
}
