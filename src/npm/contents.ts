import { invalid } from '../archive/failure.ts';
import { assertDistinctPaths, assertSafePath } from '../archive/paths.ts';
import type { Member } from './tar/members.ts';

/** A file that npm leaves of a tarball. */
export interface PackageFile {
  /** Relative to the package's directory. */
  readonly path: string;
  readonly executable: boolean;
  /** Who may execute it, where that is neither everybody nor nobody: bits of its mode. */
  readonly executableBy?: number;
  /** Where its bytes are in the tar. */
  readonly start: number;
  readonly size: number;
}

/**
 * Which files npm leaves of a tarball's members, and where: what pacote's `#tarxOptions` (fetcher.js) and node-tar's
 * Unpack (unpack.js) do. Sorted by code unit. Throws ARCHIVE_INVALID where Unpack would warn and leave something out,
 * or where an entry could not hold the result (paths.ts).
 *
 * `bin` of package.json plays no part here. Where the lockfile has `resolved`, arborist asks pacote for `name@URL`, and
 * a RemoteFetcher knows no manifest (is-package-bin.js says so). Where it has none, a RegistryFetcher does, and makes
 * the files that `bin` names executable; that is for whoever places the package. bin-links does it later in both cases.
 */
export function packageFiles(members: readonly Member[]): PackageFile[] {
  const files = new Map<string, PackageFile>();
  const ignores = new Set<string>();
  for (const member of members) {
    const path = withoutTop(member.path);
    const target = renamed(member.path, path, ignores);
    if (target === undefined) continue;
    assertSafePath(target);
    // A later file is written into the one that is there, which keeps the mode that it was created with.
    const { executable, executableBy } = files.get(target) ?? modeOf(member);
    files.set(target, { path: target, executable, ...(executableBy !== undefined && { executableBy }), start: member.start, size: member.size });
  }
  if (files.size === 0) throw invalid('the tarball has no files');
  const sorted = [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
  assertDistinctPaths(sorted.map((file) => file.path));
  return sorted;
}

/** `strip: 1`: the path without its first segment, whatever that is called (mostly `package`). */
function withoutTop(path: string): string {
  const slash = path.indexOf('/');
  const top = path.slice(0, Math.max(slash, 0));
  const rest = path.slice(slash + 1);
  // A file beside the top directory is dropped, a path's root stripped, and that in more forms than it looks like:
  // strip-absolute-path.js knows drives and backslashes on every system.
  if (top === '' || top === '..' || ODD.test(top) || ODD.test(rest)) throw invalid(`the path ${JSON.stringify(path.slice(0, 200))} is not below a directory`);
  return rest.includes('./') ? rest.replace(HERE, '$1') : rest;
}

/** pnpm publishes `package/./dist/index.js`, which Unpack resolves. More than one `./` in a row is left to be refused. */
const HERE = /(^|\/)\.\//g;

/** Has a backslash or begins with a drive. */
const ODD = /\\|^[a-zA-Z]:/;

/**
 * `.gitignore` becomes `.npmignore`, unless one of that name came before in the same directory: then it is left out
 * (undefined). `full` is the path as the archive has it, by which pacote compares.
 */
function renamed(full: string, path: string, ignores: Set<string>): string | undefined {
  if (!full.endsWith('ignore')) return path;
  if (full.endsWith('/.npmignore')) ignores.add(full);
  if (!full.endsWith('/.gitignore')) return path;
  return ignores.has(full.replace(/\.gitignore$/, '.npmignore')) ? undefined : path.replace(/\.gitignore$/, '.npmignore');
}

/** pacote makes it `mode | 0666` and leaves the rest to the umask. So all that matters of a mode is who may execute the file. */
function modeOf({ mode, path }: Member): Pick<PackageFile, 'executable' | 'executableBy'> {
  const bits = mode & 0o7111;
  if (bits > 0o111) throw invalid(`${JSON.stringify(path.slice(0, 200))} has the mode ${(mode & 0o7777).toString(8)}`);
  return { executable: (bits & 0o100) !== 0, ...(bits !== 0 && bits !== 0o111 && { executableBy: bits }) };
}
