import { join } from 'node:path';
import { mustRun } from './run.ts';
import { once } from './once.ts';

/** The source tree. */
export const ROOT = join(import.meta.dirname, '../..');

/** An installation of the project: what `install.sh` made. */
export interface Installation {
  readonly prefix: string;
  readonly shims: string;
  /** The local cache that its config names; tests set PKG_CACHE_DIR to one of their own. */
  readonly cache: string;
}

/** Runs `install.sh` into a directory shared by the test files of this run; the first to ask does the work. */
export async function installPkgCache(): Promise<Installation> {
  const prefix = await once('install', async (directory) => {
    const { HOME, PATH } = process.env;
    await mustRun(join(ROOT, 'install.sh'), ['--prefix', join(directory, 'prefix'), '--cache', join(directory, 'cache')], {
      env: { HOME, PATH },
    });
  });
  return { prefix: join(prefix, 'prefix'), shims: join(prefix, 'prefix/shims'), cache: join(prefix, 'cache') };
}
