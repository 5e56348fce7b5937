import { posix } from 'node:path';
import { unsafePath } from '../../archive/paths.ts';
import { isPairs, isTexts } from '../forms.ts';
import type { BuiltMeta } from './key.ts';

/** Whether a link at `path`, relative to its package, leads to something in the package. */
export function leadsInside(path: string, target: string): boolean {
  return target !== '' && !posix.isAbsolute(target) && !/^\.\.(?:\/|$)/.test(posix.join(posix.dirname(path), target));
}

/** What is wrong with the links and directories of an entry, whoever has made it; or undefined. */
export function whyNotPlaced({ links, directories }: BuiltMeta): string | undefined {
  if (!isPairs(links) || !isTexts(directories)) return 'something that cannot be read';
  const isLink = new Set(links.map(([path]) => path));
  const isBelowLink = (path: string): boolean => path.split('/').some((_, index, parts) => index > 0 && isLink.has(parts.slice(0, index).join('/')));
  const strayLink = links.find(([path, target]) => unsafePath(path) !== undefined || isBelowLink(path) || !leadsInside(path, target));
  return strayLink?.[0] ?? directories.find((path) => unsafePath(path) !== undefined);
}
