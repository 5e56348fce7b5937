import type { Placer } from './placer.ts';

/** What pacote is told with a package that is to be unpacked; npm adds more. */
export interface ExtractOptions {
  readonly integrity?: unknown;
  readonly resolved?: unknown;
  /** npm's policy for tarballs by URL, 'all' where this one comes from a registry (reify.js, `#isRegistryResolvedTarball`). */
  readonly allowRemote?: unknown;
}

/** `pacote.extract`: unpacks the package `spec` into the directory `destination`. */
export type Extract = (spec: string, destination: string, options: ExtractOptions) => Promise<unknown>;

/** pacote, with an `extract` that takes from the cache what is there. What npm's policies may refuse is for pacote to decide on. */
export function extractWith(placer: Placer, pacote: { readonly extract: Extract }): { readonly extract: Extract } {
  if (typeof pacote.extract !== 'function') return pacote;
  const extract: Extract = async (spec, destination, options) => {
    const { integrity, resolved, allowRemote = 'all' } = options;
    const refusable = allowRemote !== 'all' && spec.includes('://');
    // What is in a file is nobody else's, though a registry may have the very same.
    const isLocal = (typeof resolved === 'string' ? resolved : spec.slice(spec.indexOf('@', 1) + 1)).startsWith('file:');
    if (typeof integrity !== 'string' || refusable || isLocal || !placer.place(integrity, destination)) return await pacote.extract(spec, destination, options);
    return { from: spec, resolved, integrity };
  };
  return { ...pacote, extract };
}
