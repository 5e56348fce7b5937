import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync, type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { outcomeFile } from './outcome.ts';
import { moveFile } from '../../place/adopt.ts';
import type { SetAside } from '../../place/undo.ts';

/**
 * Keeps files that a distribution from the cache has overwritten, until what the real pip installed in the same run is collected: of two
 * distributions that own a file, the one that comes first can be cached only with what was there between. `report`: the path of pip's report.
 */
export function keepOverwritten(report: string, files: readonly SetAside[]): void {
  if (files.length === 0) return;
  const directory = directoryOf(report);
  try {
    mkdirSync(directory);
    const kept = files.map(({ stored }, index) => {
      const copy = join(directory, String(index));
      const identity = fileIdentity(lstatSync(stored, { bigint: true }));
      moveFile(stored, copy);
      return [identity, copy] as const;
    });
    writeFileSync(join(directory, 'draft'), JSON.stringify(kept));
    renameSync(join(directory, 'draft'), join(directory, 'index.json'));
  } catch {
    rmSync(directory, { recursive: true, force: true }); // A full disk: what was overwritten is not cached.
  }
}

/** Which file it was: it may have been moved since, but was not written, nor had its mode changed. */
export function fileIdentity({ ino, size, mtimeNs, mode }: Pick<BigIntStats, 'ino' | 'size' | 'mtimeNs' | 'mode'>): string {
  return [ino, size, mtimeNs, mode].join(':');
}

/** By identity, where the files are that were kept. Empty where nothing was overwritten. */
export function readOverwritten(report: string): Map<string, string> {
  try {
    const kept = JSON.parse(readFileSync(join(directoryOf(report), 'index.json'), 'utf8')) as [identity: string, copy: string][];
    return new Map(kept);
  } catch {
    return new Map();
  }
}

/** Removes a report, and what was kept with it. */
export function removeReport(report: string): void {
  for (const file of [report, outcomeFile(report)]) rmSync(file, { force: true });
  rmSync(directoryOf(report), { recursive: true, force: true });
}

function directoryOf(report: string): string {
  return `${report}.overwritten`;
}
