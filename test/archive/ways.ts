import { rmSync } from 'node:fs';
import { beginUnpacking, unpackPart } from '../../src/archive/parts.ts';
import { unpackEntry } from '../../src/archive/unpack.ts';

/** Unpacks in about so many parts, the last one first; all of them are tried, as by threads that know nothing of each other. */
function inParts(ways: number): typeof unpackEntry {
  return (source, destDir, expected, options) => {
    const { list, parts, check } = beginUnpacking(source, destDir, expected, { ...options, ways });
    const unpacking = [...parts].reverse().map((part) => () => unpackPart(part));
    const failures = [check, ...unpacking].flatMap((work) => {
      try {
        work();
        return [];
      } catch (error) {
        return [error as Error];
      }
    });
    if (failures[0] === undefined) return list;
    rmSync(destDir, { recursive: true });
    throw failures[0];
  };
}

/** What must not differ, but for the time that it takes. */
export const WAYS = { 'at once': unpackEntry, 'in 2 parts': inParts(2), 'in 7 parts': inParts(7) };

export type HowToUnpack = keyof typeof WAYS;
