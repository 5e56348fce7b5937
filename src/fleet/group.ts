import { arch } from 'node:os';

/**
 * Workers of a group can use each other's entries: same operating system, architecture and libc (glibc by version, because pip chooses
 * wheels by it), and the same `name` if the operator gave one, to keep images apart that have little in common.
 */
export function groupOf(name: string | undefined): string {
  return joined(process.platform, arch(), libc(), name);
}

/** What all groups of the same `name` share: entries that fit every machine. */
export function everywhereOf(name: string | undefined): string {
  return joined('any', name);
}

function joined(...parts: (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined).join('-').replace(/[^A-Za-z0-9._-]/g, '_');
}

function libc(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const { header } = (process.report?.getReport() ?? {}) as { header?: { glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime === undefined ? 'musl' : `glibc-${header.glibcVersionRuntime}`;
}
