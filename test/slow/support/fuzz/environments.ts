import { existsSync, readdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execFileSync } from 'node:child_process';
import { debianPython, makeBasePython, makeOtherPip } from '../../../support/base-python.ts';
import { anyPython, python, type Python } from '../../../support/pythons.ts';
import { mustRun } from '../../../support/run.ts';
import { makeVenv, type Venv } from '../../../support/venv.ts';
import { remove } from '../../../e2e/support/world.ts';

/** Environments of one place, made once and brought back as they were. */
export class Environments {
  readonly kinds: readonly string[];
  readonly #root: string;
  readonly #venvs: ReadonlyMap<string, Venv>;

  private constructor(root: string, venvs: ReadonlyMap<string, Venv>) {
    this.#root = root;
    this.#venvs = venvs;
    this.kinds = [...venvs.keys()];
  }

  /** Says which kinds this machine cannot make. */
  static async make(root: string): Promise<Environments> {
    const venvs = new Map<string, Venv>();
    const place = join(root, 'environment');
    const keep = (kind: string, venv: Venv): void => {
      venvs.set(kind, venv);
      renameSync(place, join(root, kind));
    };
    keep('venv', await makeVenv(anyPython(), place));
    const newer = bundledPip(python('3.13'));
    if (newer === undefined) console.info('the environments have no pip of 24.1 or later');
    else {
      const venv = await makeVenv(anyPython(), place);
      await mustRun(venv.python, ['-m', 'pip', 'install', '-q', '--no-index', newer], { env: { HOME: root } });
      keep('venv with a newer pip', venv);
    }
    keep('base', makeBasePython(anyPython(), place));
    const debian = debianPython();
    if (debian === undefined) console.info('there is no environment of Debian');
    else keep('debian', makeBasePython(debian, place, 'lib/python3/dist-packages'));
    return new Environments(root, venvs);
  }

  /** The environment of a kind, as new, in the one place where all are. */
  restore(kind: string): Venv {
    const place = join(this.#root, 'environment');
    remove(place);
    execFileSync('cp', ['-a', join(this.#root, kind), place]);
    return this.#venvs.get(kind) as Venv;
  }

  /** The Python of a kind, as `3.12`. */
  minorOf(kind: string): string {
    return kind === 'debian' ? (debianPython()?.minor ?? '') : anyPython().minor;
  }

  /** A directory for PYTHONPATH with a pip whose scripts tell. */
  anotherPip(kind: string): string {
    const directory = join(this.#root, `pip of ${kind}`);
    if (existsSync(directory)) return directory;
    const { sitePackages } = this.#venvs.get(kind) as Venv;
    makeOtherPip(sitePackages.replace(join(this.#root, 'environment'), join(this.#root, kind)), directory);
    return directory;
  }
}

function bundledPip(from: Python | undefined): string | undefined {
  if (from === undefined) return undefined;
  const directory = join(dirname(dirname(from.path)), `lib/python${from.minor}/ensurepip/_bundled`);
  const wheel = existsSync(directory) ? readdirSync(directory).find((name) => /^pip-(?:24\.[1-9]|2[5-9])/.test(name)) : undefined;
  return wheel === undefined ? undefined : join(directory, wheel);
}
