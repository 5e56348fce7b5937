import { arch } from 'node:os';
import type { NpmRequest } from './recognise/request.ts';

/** What a tree depends on besides its project: npm leaves out optional packages for other machines. */
export function platformOf({ nodeVersion }: NpmRequest): string {
  return `node-${nodeVersion.replace(/^v/, '').split('.')[0] ?? ''}-${process.platform}-${arch()}-${libc()}`;
}

/** As npm tells it (npm-install-checks, current-env.js). */
function libc(): string {
  if (process.platform !== 'linux') return 'none';
  const { header } = (process.report?.getReport() ?? {}) as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}
