import { ENTRY_KEY } from '../manifest.ts';
import { anyText, count, finite, list, maybe, object, text, tuple, type Shape } from '../shape.ts';
import type { BuiltDetails } from './built/collect.ts';
import type { Window } from './built/window.ts';
import type { CollectDetails } from './collect.ts';
import { CAPTURED } from './form.ts';

const KEYS = list(tuple<BuiltDetails['keys'][number]>(text, ENTRY_KEY));
const WINDOW = object<Window>({ from: finite, to: finite });

const BUILT = object<BuiltDetails>({
  keys: KEYS,
  made: list(text),
  window: maybe(WINDOW),
  windows: list(tuple<BuiltDetails['windows'][number]>(text, list(WINDOW))),
  umask: count,
  values: list(tuple<readonly [string, string]>(text, anyText)),
  outside: KEYS,
  directory: text,
  roots: list(text),
  home: text,
  caches: list(text),
});

/** Of `details` in a job that waits: what an install has left for whoever collects what its npm brought. */
export const COLLECT_DETAILS: Shape<CollectDetails> = object<CollectDetails>({
  npmCache: text,
  lock: anyText,
  registries: maybe(object<NonNullable<CollectDetails['registries']>>({ registry: maybe(text), scopes: list(tuple<readonly [string, string]>(text, text)) })),
  npmVersion: text,
  nodeVersion: text,
  tree: maybe(object<NonNullable<CollectDetails['tree']>>({ key: ENTRY_KEY, captured: CAPTURED })),
  treeSkipped: maybe(text),
  built: maybe(BUILT),
});
