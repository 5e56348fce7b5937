import { mkdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** What a directory passes on to what is made in it, if it does: something that is made elsewhere and moved there would not get that. */
export function whatIsPassedOn(directory: string, { mode } = statSync(directory)): string | undefined {
  if ((mode & 0o2000) !== 0) return 'its group';
  return hasDefaultAcl(directory, mode) ? 'a default ACL' : undefined;
}

/** The modes of directories that are made under the umask that this process has, and that most have. */
const USUAL_MODE = 0o755;

/**
 * Whether a directory passes an access control list on (acl(5)): nothing in Node tells, but what is made there has modes that no umask explains. A
 * directory of the usual mode was not made under one that would matter, and is left alone.
 */
function hasDefaultAcl(directory: string, mode: number): boolean {
  if ((mode & 0o777) === USUAL_MODE) return false;
  const probe = join(directory, `.pkg-cache-probe-${process.pid}`);
  mkdirSync(probe);
  try {
    return (statSync(probe).mode & 0o777) !== USUAL_MODE;
  } finally {
    rmdirSync(probe);
  }
}
