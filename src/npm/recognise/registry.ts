import type { Configuration } from './configuration.ts';
import { refuse } from './refuse.ts';
import { LAYERS } from './layers.ts';

/** Where packages come from. URLs are normal, end with a slash, and hold no credentials. */
export interface Registries {
  /** Undefined: the registry that npm has built in, unless NpmFacts told it. */
  readonly registry?: string;
  /** By scope, with its `@`. */
  readonly scopes: ReadonlyMap<string, string>;
}

/** The registries in effect: `registry`, and each `@scope:registry`. */
export function registriesOf({ layers }: Configuration): Registries {
  const registry = layers.get('registry');
  const scopes = new Map<string, string>();
  for (const where of LAYERS) {
    for (const [key, value] of layers.of(where)) {
      const scope = /^(@[^:]+):registry$/.exec(key)?.[1];
      if (scope !== undefined) scopes.set(scope, identityOf(value));
      else if (/@.*:registry$/i.test(key)) refuse('an odd key for a registry');
    }
  }
  return { ...(registry !== undefined && { registry: identityOf(registry) }), scopes };
}

/** Throws UNRECOGNISED for what is no plain URL of a server. */
function identityOf(value: unknown): string {
  if (typeof value !== 'string' || !/^https?:\/\/[^\s"'<>\\^`{|}?#]+$/i.test(value)) return refuse('a registry that is no plain URL');
  try {
    const url = new URL(value);
    return `${url.protocol}//${url.host}${url.pathname.replace(/\/*$/, '')}/`;
  } catch {
    return refuse('a registry that is no URL');
  }
}
