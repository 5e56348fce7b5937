import { NotClosed, type Closure } from './closure.ts';
import type { Requirement } from './recognise/request.ts';
import { parseSpecifiers } from './specifiers.ts';
import { canonicalVersion, compareVersions } from './version.ts';

/**
 * In hash mode pip refuses what has no hashes, and, before 26.3, what is not pinned by its own `==` alone: neither a constraint's
 * pin nor `==1.0,>=1` will do (pip/_internal/operations/prepare.py, _get_linked_req_hashes). Throws NotClosed, since the words are
 * pip's own.
 */
export function assertHashed(closure: Closure, pip: string): void {
  for (const { requirement, displayName } of closure.wanted.values()) {
    if ((requirement.hashes.sha256?.length ?? 0) === 0) throw new NotClosed(`${displayName} has no sha256 hash, in hash mode`);
    if (compareVersions(pip, '26.3') < 0 && !isPinnedAlone(requirement)) {
      throw new NotClosed(`${requirement.line} is not pinned by itself, in hash mode`);
    }
  }
}

/** pip's `InstallRequirement.is_pinned`: a specifier set of one `==` or `===`; equal clauses are one. */
function isPinnedAlone({ specifiers }: Requirement): boolean {
  const clauses = parseSpecifiers(specifiers);
  const distinct = new Set(clauses.map(({ operator, version }) => `${operator}${canonicalVersion(version) ?? version}`));
  return distinct.size === 1 && clauses.every(({ operator }) => operator === '==' || operator === '===');
}

/**
 * Whether one of a requirement's hashes is that of an archive (hex SHA-256, lower case). Before 24.2 pip does not take a digest in
 * upper case for the same (pip/_internal/utils/hashes.py).
 */
export function allowsArchive({ hashes }: Requirement, sha256: string, pip: string): boolean {
  const digests = hashes.sha256 ?? [];
  return (compareVersions(pip, '24.2') < 0 ? digests : digests.map((digest) => digest.toLowerCase())).includes(sha256);
}
