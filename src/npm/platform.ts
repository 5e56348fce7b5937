import { arch } from 'node:os';
import type { NpmRequest } from './recognise/request.ts';

/** What a tree depends on besides its project: npm leaves out optional packages for other machines. */
export function platformOf({ nodeVersion }: NpmRequest): string {
  return `node-${nodeVersion.replace(/^v/, '').split('.')[0] ?? ''}-${process.platform}-${arch()}-${libcName()}`;
}

let known: string | undefined;

/** This machine's libc as npm tells it (npm-install-checks, current-env.js). The report is costly, and its answer stays the same. */
export function libcName(): string {
  return (known ??= process.platform === 'linux' ? glibcOrMusl() : 'none');
}

function glibcOrMusl(): string {
  // Else it would look up who is at the other end of every socket (Node 22.13).
  if ('excludeNetwork' in process.report) process.report.excludeNetwork = true;
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}
