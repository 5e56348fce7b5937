import { entryId } from '../cache/entry.ts';
import type { InstallContext, Original, Remote } from '../context.ts';
import type { PackageEntry } from './entry.ts';
import { sha512Of } from './integrity.ts';
import type { Wanted } from './packages.ts';

/** Pulls packages; what could not be had is left out. By integrity. */
export async function pullPackages({ cache, interruptible }: InstallContext, remote: Remote, missing: readonly Wanted[]): Promise<Map<string, PackageEntry>> {
  const integrities = new Map<string, string>();
  const originals = missing.flatMap(({ key, integrity }): Original[] => {
    integrities.set(entryId(key), integrity);
    const sha512 = sha512Of(integrity);
    return sha512 === undefined ? [] : [{ key, sha512 }];
  });
  const { makePackage } = await import('./package.ts');
  const make = ({ key }: Original, tarball: Buffer): PackageEntry => makePackage(cache, key, integrities.get(entryId(key)) ?? '', tarball);
  const pulled = await interruptible(remote.pullOriginals(originals, make));
  return new Map([...pulled].map(([id, entry]) => [integrities.get(id) ?? '', entry as PackageEntry]));
}
