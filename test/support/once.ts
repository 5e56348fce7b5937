import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';

/** The directory that the test files of this run share; removed at its end. */
export function sharedDirectory(): string {
  const directory = process.env['PKG_CACHE_TEST_RUN'];
  if (directory === undefined) throw new Error('not under vitest: global-setup.ts has not run');
  return directory;
}

/**
 * The directory `name` among what this run shares, made by `make` if nobody has yet. `make` fills the directory it is
 * given, under its final path, since what is installed there refers to itself. Other test files wait meanwhile.
 */
export async function once(name: string, make: (directory: string) => Promise<void>): Promise<string> {
  const directory = join(sharedDirectory(), name);
  const done = `${directory}.done`;
  for (;;) {
    if (existsSync(done)) return directory;
    if (claim(`${directory}.claim`)) break;
    await setTimeout(50);
  }
  try {
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    await make(directory);
    renameSync(`${directory}.claim`, done);
  } catch (error) {
    rmSync(`${directory}.claim`, { recursive: true, force: true });
    throw error;
  }
  return directory;
}

function claim(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
