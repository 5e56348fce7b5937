import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * One directory for what the test files of a run share: the installation of the project, and environments that
 * take seconds to make. Whoever needs a thing first makes it (see `once.ts`).
 */
export default function setup(): () => void {
  const directory = mkdtempSync(join(realpathSync(tmpdir()), 'pkg-cache-test-'));
  process.env['PKG_CACHE_TEST_RUN'] = directory;
  return () => rmSync(directory, { recursive: true, force: true });
}
