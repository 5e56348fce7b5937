import { execFileSync, type ExecFileSyncOptionsWithStringEncoding } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

/** A CPython interpreter that can make virtual environments. */
export interface Python {
  /** Minor version: `3.12`. */
  readonly minor: string;
  /** The interpreter itself, not a version manager's shim. */
  readonly path: string;
}

// What runs is asked, because a file called python3.9 may be a shim that stands for nothing.
const PROBE = `
import sys, venv, ensurepip
assert sys.implementation.name == 'cpython' and sys.prefix == sys.base_prefix
print('%d.%d' % sys.version_info[:2])
print(sys.executable)`;

/** Asks an interpreter what it is; undefined if it cannot answer. */
function ask(path: string): Python | undefined {
  try {
    const options: ExecFileSyncOptionsWithStringEncoding = { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 20_000 };
    const [minor, executable] = execFileSync(path, ['-c', PROBE], options).split('\n');
    return { minor: minor!, path: executable! };
  } catch {
    return undefined;
  }
}

/** Interpreters to ask: those named in PKG_CACHE_TEST_PYTHONS (a list like PATH), pyenv's, those on PATH. */
function candidates(): string[] {
  const named = (process.env['PKG_CACHE_TEST_PYTHONS'] ?? '').split(delimiter).filter(Boolean);
  const versions = join(process.env['PYENV_ROOT'] ?? join(homedir(), '.pyenv'), 'versions');
  const managed = existsSync(versions) ? readdirSync(versions).map((name) => join(versions, name, 'bin/python3')) : [];
  const minors = [8, 9, 10, 11, 12, 13, 14].map((minor) => `python3.${minor}`);
  const onPath = (process.env['PATH'] ?? '').split(delimiter).flatMap((dir) => [...minors, 'python3'].map((name) => join(dir, name)));
  return [...named, ...managed, ...onPath].filter((path) => existsSync(path));
}

let found: Python[] | undefined;

/** The interpreters of this machine, one for each minor version from 3.8, oldest first. */
export function pythons(): readonly Python[] {
  if (found === undefined) {
    const byMinor = new Map<string, Python>();
    for (const path of candidates()) {
      const python = ask(path);
      if (python !== undefined && !byMinor.has(python.minor)) byMinor.set(python.minor, python);
    }
    found = [...byMinor.values()].filter(({ minor }) => order(minor) >= 8).sort((a, b) => order(a.minor) - order(b.minor));
  }
  return found;
}

function order(minor: string): number {
  const [major, number] = minor.split('.').map(Number);
  return major === 3 ? number! : -1;
}

/** The interpreter of a minor version, or undefined: the suite then says that it lacks it. */
export function python(minor: string): Python | undefined {
  return pythons().find((candidate) => candidate.minor === minor);
}

/** Any interpreter, for tests that do not care which; the same on every call. */
export function anyPython(): Python {
  const chosen = python('3.11') ?? python('3.12') ?? pythons().at(-1);
  if (chosen === undefined) throw new Error('no CPython 3.8 or later with venv and ensurepip; name one in PKG_CACHE_TEST_PYTHONS');
  return chosen;
}
