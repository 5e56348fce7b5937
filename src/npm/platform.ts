import { closeSync, openSync, readSync } from 'node:fs';
import { arch } from 'node:os';
import type { LockPackage } from './lockfile.ts';
import type { NpmRequest } from './recognise/request.ts';

/** What a tree depends on besides its project: npm leaves out optional packages for other machines. */
export function platformOf({ nodeVersion }: NpmRequest): string {
  return `node-${nodeVersion.replace(/^v/, '').split('.')[0] ?? ''}-${process.platform}-${arch()}-${libcName()}`;
}

/** Whether npm finds a package fit for the machine that a request is about (npm-install-checks, `checkPlatform`). */
export function fitsPlatform({ os, cpu, libc }: LockPackage, request: Pick<NpmRequest, 'os' | 'cpu' | 'libc'>): boolean {
  const system = request.os ?? process.platform;
  const actualLibc = request.libc ?? (libc === undefined || system !== 'linux' ? undefined : libcName());
  return fits(os, system) && fits(cpu, request.cpu ?? process.arch) && (libc === undefined || (actualLibc !== undefined && fits(libc, actualLibc)));
}

function fits(list: LockPackage['os'], actual: string): boolean {
  const names = typeof list === 'string' ? [list] : (list ?? []);
  if (names.length === 1 && names[0] === 'any') return true;
  return !names.includes(`!${actual}`) && (names.every((name) => name.startsWith('!')) || names.includes(actual));
}

let known: string | undefined;

/** This machine's libc as npm tells it (npm-install-checks, current-env.js). */
export function libcName(): string {
  return (known ??= process.platform === 'linux' ? (loadersLibc() ?? reportedLibc()) : 'none');
}

/** How much of a program is looked at: headers come first, and the loader's path right behind them. */
const HEAD = 4096;

/** The libc whose dynamic loader Node names as its own (elf(5), PT_INTERP): that is told in a tenth of the time that a report takes. */
function loadersLibc(): string | undefined {
  const head = Buffer.alloc(HEAD);
  try {
    const fd = openSync(process.execPath, 'r');
    try {
      readSync(fd, head, 0, HEAD, 0);
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
  const [, loader] = /\/ld-(linux|musl)[\w.-]*\.so\.\d\0/.exec(head.toString('latin1')) ?? [];
  return loader === undefined ? undefined : loader === 'musl' ? 'musl' : 'glibc';
}

function reportedLibc(): string {
  // Else it would look up who is at the other end of every socket (Node 22.13).
  if ('excludeNetwork' in process.report) process.report.excludeNetwork = true;
  const { header } = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime === undefined ? 'musl' : 'glibc';
}
