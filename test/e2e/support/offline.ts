import { setTimeout as sleep } from 'node:timers/promises';
import type { World } from './world.ts';

/** Does something while there is no index: only what is cached can be installed. */
export async function offline<T>({ index }: World, work: () => Promise<T>): Promise<T> {
  await index.down();
  try {
    return await work();
  } finally {
    await index.up();
  }
}

/** Waits until something is so. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(20);
}

/** The lines of an output that tell of a package from the cache or from the store. */
export function served(stdout: string): string[] {
  return stdout.split('\n').flatMap((line) => /^Collecting (\S+).* \((?:cached|store)\)$/.exec(line)?.[1] ?? []);
}
