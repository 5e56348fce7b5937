import type { PipMeta } from './entry.ts';
import { normalName } from './recognise/names.ts';

/** What a distribution says about its extras; `providesExtra` is missing in entries of earlier versions. */
type Extras = Pick<PipMeta, 'requiresDist' | 'providesExtra'>;

/**
 * The first of `extras` (normal names) that a distribution neither declares nor has dependencies for. pip warns about it, which
 * only pip can do in its own words.
 */
export function unknownExtra({ requiresDist, providesExtra = [] }: Extras, extras: readonly string[]): string | undefined {
  const isKnown = (extra: string): boolean =>
    providesExtra.some((name) => normalName(name) === extra) ||
    requiresDist.some((text) => normalName(text.slice(text.indexOf(';') + 1)).includes(extra));
  return extras.find((extra) => !isKnown(extra));
}

/**
 * The first of `extras` (as asked for) that the request, `Provides-Extra` and the markers of `Requires-Dist` do not all write in
 * normal form. Pips before 24.1 compare some of these as they are written: 23.0 to 23.2 all of them
 * (pip/_internal/utils/packaging.py, safe_extra), 23.3 to 24.0 those in markers (packaging 21.3).
 */
export function extraOfManySpellings({ requiresDist, providesExtra = [] }: Extras, extras: readonly string[]): string | undefined {
  const inMarkers = requiresDist.flatMap((text) => [...text.matchAll(/'([^']*)'|"([^"]*)"/g)].map((found) => found[1] ?? found[2] ?? ''));
  const written = [...providesExtra, ...inMarkers];
  return extras.find((extra) => {
    const normal = normalName(extra);
    return [extra, ...written].some((name) => name !== normal && normalName(name) === normal);
  });
}
