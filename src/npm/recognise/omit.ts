import type { Layers } from './layers.ts';
import { LAYERS } from './layers.ts';
import type { Value } from './value-types.ts';

export type DependencyType = 'dev' | 'optional' | 'peer';

/** The settings that decide what is left out; each of them starts the same reckoning. */
const KEYS = ['also', 'dev', 'include', 'omit', 'only', 'optional', 'production'] as const;

/** A layer's settings; what it does not set comes from the less important ones (npm's prototype chain). */
interface OmitSettings {
  omit?: string[];
  include?: string[];
  readonly only?: Value;
  readonly also?: Value;
  readonly production?: Value;
  readonly dev?: Value;
  readonly optional?: Value;
}

export interface Omitted {
  readonly types: ReadonlySet<DependencyType>;
  /** npm sets NODE_ENV=production for scripts; already when a less important layer leaves out development dependencies. */
  readonly production: boolean;
}

/** What npm leaves out (`definitions.omit.flatten`, layer by layer), and what follows for scripts. */
export function omitted(layers: Layers): Omitted {
  let settings: OmitSettings = {};
  let production = false;
  let types: readonly string[] = [];
  for (const where of LAYERS) {
    const own: OmitSettings = Object.create(settings) as OmitSettings;
    const keys = KEYS.filter((key) => layers.of(where).has(key));
    Object.assign(own, Object.fromEntries(keys.map((key) => [key, copy(layers.of(where).get(key))])));
    keys.forEach(() => {
      types = buildOmitList(own);
      production ||= types.includes('dev');
    });
    settings = own;
  }
  return { types: new Set(types as DependencyType[]), production };
}

function copy(value: Value): Value {
  return Array.isArray(value) ? [...(value as readonly Value[])] : value;
}

/** npm's own function, which changes the lists that it reads. */
function buildOmitList(settings: OmitSettings): string[] {
  const include = settings.include ?? [];
  const omit = settings.omit ?? [];
  if (/^prod(uction)?$/.test(String(settings.only)) || settings.production) omit.push('dev');
  else if (settings.production === false) include.push('dev');
  if (String(settings.also).startsWith('dev') || settings.dev) include.push('dev');
  if (settings.optional === false) omit.push('optional');
  else if (settings.optional === true) include.push('optional');
  settings.omit = [...new Set(omit)].filter((type) => !include.includes(type));
  settings.include = [...new Set(include)];
  return settings.omit;
}
