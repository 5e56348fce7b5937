import { appendFileSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Venv } from '../../../support/venv.ts';
import type { Chance } from './chance.ts';
import type { Environments } from './environments.ts';
import type { Project } from './projects.ts';

/** A `pip install`, and what it is run in. */
export interface Command {
  readonly kind: string;
  /** What the real pip installs first; none: a new environment. */
  readonly before: readonly string[];
  /** RECORD of what was there before has absolute paths. */
  readonly absolute: boolean;
  /** A `.pth` file names a directory with this in it. */
  readonly beside: string | undefined;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly umask: string;
  /** Permission bits that the files of the cache get before, as chmod takes them. */
  readonly chmod: string | undefined;
}

export interface Place {
  readonly environments: Environments;
  readonly projects: readonly Project[];
  readonly kind: string;
  /** Where the environment is, and requirements files may be. */
  readonly directory: string;
  readonly root: string;
}

/** A command for this place. Requirements files are written beside the environment. */
export function chooseCommand(chance: Chance, place: Place): Command {
  const { kind, projects, environments, directory } = place;
  const chosen = chance.some(projects, 55);
  const where = chance.below(100);
  const to = destination(where, kind, directory);
  const env = {
    ...(chance.flip(8) && { PYTHONPATH: environments.anotherPip(kind) }),
    ...(chance.flip(8) && { PYTHONNODEBUGRANGES: '1' }),
    ...(kind === 'debian' && chance.flip(50) && { DEB_PYTHON_INSTALL_LAYOUT: 'deb' }),
  };
  const options = [
    ...(chance.flip(70) ? ['--no-deps'] : []),
    ...(chance.flip(10) ? ['--no-compile'] : []),
    ...(chance.flip(25) ? ['--no-build-isolation'] : []),
    ...(chance.flip(10) ? ['--force-reinstall'] : []),
  ];
  return {
    kind,
    before: chance.flip(30) && to.length === 0 ? chance.some(projects, 40).map((project) => pinOf(project, chance)) : [],
    absolute: chance.flip(30),
    beside: chance.flip(12) ? pinOf(chance.pick(projects), chance) : undefined,
    args: ['install', '--disable-pip-version-check', ...to, ...options, ...request(chance, place, chosen)],
    env,
    umask: chance.pick(['022', '022', '022', '077', '002']),
    chmod: chance.flip(10) ? chance.pick(['a-w', 'go-rwx', 'a+x']) : undefined,
  };
}

function destination(where: number, kind: string, directory: string): string[] {
  if (where < 15) return ['--target', join(directory, 'there')];
  if (where < 30) return ['--prefix', join(directory, 'there')];
  return where < 40 && !kind.startsWith('venv') ? ['--user'] : [];
}

function pinOf({ name, versions }: Project, chance: Chance): string {
  return `${name}==${chance.pick(versions)}`;
}

/** The requirements: as arguments, pinned by constraints, or with hashes. */
function request(chance: Chance, { root }: Place, chosen: readonly Project[]): string[] {
  const manner = chance.below(100);
  const file = (name: string, lines: readonly string[]): string => {
    writeFileSync(join(root, name), `${lines.join('\n')}\n`);
    return join(root, name);
  };
  if (manner < 15) return ['-c', file('constraints.txt', chosen.map(({ name }) => `${name}==1`)), ...chosen.map(({ name }) => name)];
  if (manner < 35) {
    const isPinned = chance.flip(70);
    const hash = ({ sha256 }: Project): string => `--hash=sha256:${chance.flip(15) ? sha256.toUpperCase() : sha256}`;
    const lines = chosen.map((project) => `${project.name}${chance.pick(isPinned ? ['==1', '==1.0,==1'] : ['==1', '', '==1,>0'])} ${hash(project)}`);
    return ['-r', file('requirements.txt', lines), ...(isPinned ? [] : ['-c', file('constraints.txt', chosen.map(({ name }) => `${name}==1`))])];
  }
  return chosen.map((project) => {
    const extras = project.extras.length > 0 && chance.flip(60) ? `[${chance.pick(['dev-tools', 'Dev_Tools', ...project.extras])}]` : '';
    return `${chance.flip(20) ? project.name.toUpperCase() : project.name}${extras}==${chance.pick(['1', '1', '1.0', ...project.versions])}`;
  });
}

/** Makes the paths in the RECORDs of what `names` brought absolute, as some installers write them. */
export function makeAbsolute({ sitePackages }: Venv, names: readonly string[]): void {
  for (const info of readdirSync(sitePackages).filter((name) => name.endsWith('.dist-info'))) {
    if (!names.some((name) => info.toLowerCase().startsWith(`${name.replace(/[-_.]+/g, '_').toLowerCase()}-`))) continue;
    const path = join(sitePackages, info, 'RECORD');
    const rows = readFileSync(path, 'utf8').split('\r\n').map((row) => (/^[^"/.][^,]*\.(py|txt),/.test(row) ? `${sitePackages}/${row}` : row));
    writeFileSync(path, '');
    appendFileSync(path, rows.join('\r\n'));
  }
}
