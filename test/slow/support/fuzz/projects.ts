import { makeSdist } from '../../../support/sdist.ts';
import { makeWheel, type WheelSpec } from '../../../support/wheel.ts';
import type { Chance } from './chance.ts';

/** A project of the index, of which there is version 1 and perhaps version 2. */
export interface Project {
  /** As its archives are named. */
  readonly name: string;
  readonly versions: readonly string[];
  /** Hex SHA-256 of the archive of version 1. */
  readonly sha256: string;
  readonly extras: readonly string[];
  /** What is odd about it, for the report. */
  readonly features: readonly string[];
}

type Part = Partial<WheelSpec>;
type Feature = (context: { readonly name: string; readonly module: string; readonly minor: string; readonly others: readonly string[]; readonly chance: Chance }) => Part;

/** Without `--no-deps` no pip installs it. */
const RARE = 'invalid metadata';

/** What public wheels have been seen to be like, and worse. */
const FEATURES: Readonly<Record<string, Feature>> = {
  'scripts of one name': ({ module }) => ({
    consoleScripts: [`${module}-run = ${module}:a`, `${module}-run = ${module}:b`, `${module}-both = ${module}:a`],
    guiScripts: [`${module}-both = ${module}:b`],
  }),
  'python scripts': ({ module }) => ({ data: { scripts: { [`${module}.py`]: '#!python\nprint(1)\n', [`${module}-sh`]: '#!/bin/sh\n' } } }),
  'data in lib': ({ module }) => ({ data: { data: { [`lib/${module}.so.1`]: 'ELF', [`share/${module}/x`]: '' } } }),
  'data and package of one name': ({ module }) => ({ files: { [`${module}.py`]: '', 'share/__init__.py': '' }, data: { data: { [`share/${module}.txt`]: '' } } }),
  'data beside headers': ({ module, minor }) => ({
    data: { headers: { [`${module}.h`]: '' }, data: { [`include/site/python${minor}/beside/${module}.h`]: '' } },
  }),
  'an owned file': ({ module, name }) => ({ files: { [`${module}.py`]: '', 'owned.py': `owner = ${JSON.stringify(name)}\n`, 'owned/data.txt': name } }),
  'extras of many spellings': ({ others, chance }) => ({
    extras: [chance.pick(['dev-tools', 'Dev_Tools', 'dev.tools'])],
    requiresDist: others.slice(0, 1).map((other) => `${other}; extra == "${chance.pick(['dev-tools', 'Dev_Tools'])}"`),
  }),
  [RARE]: () => ({ requiresDist: ['pytz (>dev)'] }),
  'REQUESTED of its own': ({ name }) => ({ files: { [`${name}.py`]: '', [`${stem(name, '1')}.dist-info/REQUESTED`]: 'mine' } }),
  'RECORD twice': ({ module }) => ({ files: { [`${module}.py`]: 'x = 1\n' }, record: (rows) => [...rows, ...rows] }),
  'bytecode of its own': ({ module, minor }) => ({
    files: { [`${module}/__init__.py`]: 'x = 1\n', [`${module}/__pycache__/__init__.cpython-${minor.replace('.', '')}.pyc`]: 'stray' },
  }),
  dependencies: ({ others, chance }) => ({ requiresDist: others.slice(0, 2).map((other) => `${other}${chance.pick(['', '==1', '>=1', '<2'])}`) }),
  platlib: ({ module }) => ({ rootIsPurelib: false, files: { [`${module}/native.so`]: 'ELF' } }),
  'odd names': ({ module }) => ({ files: { [`${module}/a,b.txt`]: '', [`${module}/ünï.py`]: '', [`${module}/bad.py`]: 'print "no"\n' } }),
};

/** Python of a build backend that writes down which of the other projects can be imported as it builds. */
function sees(modules: readonly string[]): string {
  return `
import importlib.util, zipfile
seen = [name for name in ${JSON.stringify(modules)} if importlib.util.find_spec(name)]
[path] = ['built/' + name for name in __import__('os').listdir('built') if name.endswith('.whl')]
with zipfile.ZipFile(path, 'a') as wheel:
    record = [name for name in wheel.namelist() if name.endswith('.dist-info/RECORD')][0]
    wheel.writestr(record.split('.dist-info')[0].split('-')[0].lower() + '_seen.txt', ' '.join(seen))
`;
}

const NAMES = ['alpha', 'beta-two', 'Gamma_Three', 'delta.four', 'epsilon'];

/** Fills a directory with archives. */
export function makeProjects(chance: Chance, directory: string, minor: string): Project[] {
  const names = chance.some(NAMES, 80);
  return names.map((name, index) => {
    const others = names.filter((_, other) => other > index);
    const all = Object.keys(FEATURES).filter((feature) => feature !== RARE || chance.flip(40));
    const features = chance.some(all, 15);
    const context = { name, module: moduleOf(name), minor, others, chance };
    const spec = features.map((feature) => (FEATURES[feature] as Feature)(context)).reduce(merge, {});
    const isSdist = chance.flip(25);
    const looks = chance.flip(60);
    const make = (version: string): string => {
      const whole = { files: { [`${moduleOf(name)}.py`]: `version = ${version}\n` }, ...spec, name, version };
      return (isSdist ? makeSdist(directory, whole, looks ? sees(NAMES.map(moduleOf)) : '') : makeWheel(directory, whole)).sha256;
    };
    const versions = chance.flip(40) ? ['1', '2'] : ['1'];
    const [sha256 = ''] = versions.map(make);
    return { name, versions, sha256, extras: spec.extras ?? [], features: [...features, ...(isSdist ? ['sdist'] : [])] };
  });
}

function merge(a: Part, b: Part): Part {
  const lists = ['consoleScripts', 'guiScripts', 'requiresDist', 'extras'] as const;
  const joined = Object.fromEntries(lists.flatMap((key) => (a[key] || b[key] ? [[key, [...(a[key] ?? []), ...(b[key] ?? [])]]] : [])));
  const data = { ...a.data, ...b.data, ...(a.data?.data && b.data?.data ? { data: { ...a.data.data, ...b.data.data } } : {}) };
  return { ...a, ...b, ...joined, data, files: { ...a.files, ...b.files } };
}

function moduleOf(name: string): string {
  return name.replace(/[-_.]+/g, '_').toLowerCase();
}

function stem(name: string, version: string): string {
  return `${name.replace(/[-_.]+/g, '_')}-${version}`;
}
