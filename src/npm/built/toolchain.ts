import { closeSync, mkdirSync, openSync, readFileSync, readSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import type { LocalCache } from '../../cache/local.ts';
import { listDir } from '../../cache/sweep.ts';
import type { Env } from '../../config.ts';
import { sha256 } from '../../hash.ts';

/** What node-gyp, make and the like look for on PATH, and what other builds do. */
const TOOLS = ['cc', 'c++', 'gcc', 'g++', 'clang', 'clang++', 'make', 'gmake', 'cmake', 'ninja', 'pkg-config', 'python3', 'python', 'rustc', 'cargo', 'go'];

/** Headers whose absence or version decides whether something compiles: those of libc and of the kernel. */
const HEADERS = ['/usr/include/features.h', '/usr/include/stdio.h', '/usr/include/linux/version.h', '/Library/Developer/CommandLineTools/usr/bin/clang'];

/** Where libraries for compilers announce themselves, each by a file of its name. */
const LIBRARIES = ['/usr/lib/pkgconfig', '/usr/lib64/pkgconfig', '/usr/lib/x86_64-linux-gnu/pkgconfig', '/usr/lib/aarch64-linux-gnu/pkgconfig', '/usr/share/pkgconfig', '/usr/local/lib/pkgconfig', '/usr/local/share/pkgconfig'];

/**
 * What this machine can build, in hex: compilers, make, python and the like by version, headers, and names of libraries that have some. Two
 * images of one distribution have the same os-release, and one of them a compiler. Versions are asked once per file, and kept in the cache.
 */
export function toolchain(cache: LocalCache, env: Env): string {
  const versions = new Versions(cache);
  const tools = TOOLS.map((name) => [name, versions.of(find(name, env['PATH'] ?? ''))]);
  versions.save();
  const headers = HEADERS.map((path) => statSync(path, { throwIfNoEntry: false })?.size ?? null);
  const libraries = LIBRARIES.map((path) => listDir(path).filter((name) => name.endsWith('.pc')).sort());
  return sha256(JSON.stringify([tools, headers, libraries])).slice(0, 32);
}

function find(name: string, path: string): string | undefined {
  return path.split(':').map((directory) => `${directory}/${name}`).find((file) => file.startsWith('/') && (statSync(file, { throwIfNoEntry: false })?.mode ?? 0) & 0o111);
}

/** First lines of what programs answer to `--version`, by what tells one file from another. */
class Versions {
  readonly #file: string;
  readonly #known: Record<string, string>;
  #learnt = false;

  constructor(cache: LocalCache) {
    this.#file = cache.path('state/toolchain.json');
    this.#known = read(this.#file);
  }

  /** What a version manager's script leads to is decided anew each time, and too slow to ask: the script counts. Undefined: there is none. */
  of(path: string | undefined): string | null {
    if (path === undefined) return null;
    try {
      if (isScript(path)) return sha256(readFileSync(path)).slice(0, 16);
      const { size, mtimeMs } = statSync(path);
      const id = `${realpathSync(path)} ${size} ${mtimeMs}`;
      const known = Object.hasOwn(this.#known, id) ? this.#known[id] : undefined;
      if (known !== undefined) return known;
      this.#learnt = true;
      return (this.#known[id] = ask(path));
    } catch {
      return 'unknown';
    }
  }

  save(): void {
    if (!this.#learnt) return;
    const draft = `${this.#file}.${randomBytes(6).toString('hex')}`;
    try {
      mkdirSync(dirname(this.#file), { recursive: true });
      writeFileSync(draft, JSON.stringify(this.#known), { flag: 'wx', mode: 0o644 });
      renameSync(draft, this.#file);
    } catch {
      // A cache that cannot be written: they are asked again.
    }
  }
}

function isScript(path: string): boolean {
  const fd = openSync(path, 'r');
  try {
    const head = Buffer.alloc(2);
    readSync(fd, head);
    return head.toString() === '#!';
  } finally {
    closeSync(fd);
  }
}

/** Where it does not answer, there is a program all the same. */
function ask(path: string): string {
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  const args = path.endsWith('/go') ? ['version'] : ['--version'];
  const { stdout } = spawnSync(path, args, { encoding: 'utf8', timeout: 5000, stdio: ['ignore', 'pipe', 'ignore'] });
  return (stdout as string | null)?.split('\n')[0]?.slice(0, 200) ?? '';
}

function read(file: string): Record<string, string> {
  try {
    const known: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return typeof known === 'object' && known !== null && Object.values(known).every((text) => typeof text === 'string') ? { ...(known as Record<string, string>) } : {};
  } catch {
    return {};
  }
}
