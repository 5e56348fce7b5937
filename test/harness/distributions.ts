import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A line of a set. */
export interface Pin {
  /** Normalised (PEP 503). */
  readonly name: string;
  readonly extras: readonly string[];
  readonly version: string;
}

/** Minor versions of CPython that have a set. */
export const MINORS = ['3.8', '3.11', '3.12', '3.13'] as const;

/** Distributions that every set has, and what each is awkward for. */
export const AWKWARD: Readonly<Record<string, string>> = {
  black: 'compiled by mypyc, with a module of a hashed name beside the package',
  cffi: 'a top-level extension module and a package, and shared libraries in a directory of their own',
  cryptography: 'one abi3 extension for all versions of Python',
  docopt: 'an sdist only: built here, without a pyproject.toml',
  'google-api-core': 'a namespace package without __init__.py, which many distributions share',
  'google-auth': 'the same namespace, another distribution',
  'googleapis-common-protos': 'the same namespace, and files of other kinds in it',
  greenlet: 'installs a header under include/site',
  grpcio: 'one very large extension module',
  'jupyterlab-widgets': '.data/data: files below share/jupyter',
  lxml: 'thousands of headers and resources as package data',
  matplotlib: 'a second top-level module, a namespace for toolkits, and fonts',
  mypy: 'thousands of stub files, and scripts of the same package',
  numpy: 'shared libraries beside the package, tests, and headers',
  pandas: 'large, and full of tests',
  pillow: 'bundled shared libraries with hashed names',
  pip: 'the installer itself: its scripts are made anew for each interpreter',
  protobuf: 'a namespace, and an extension module in a directory of underscores',
  'psycopg2-binary': 'bundled shared libraries',
  pymongo: 'three top-level packages',
  pytest: 'a top-level module beside its packages, and two scripts for one function',
  'python-dateutil': 'an archive as package data',
  pytz: 'hundreds of files without an extension',
  pyyaml: 'two top-level packages, one of them private',
  requests: 'an extra that brings a distribution',
  ruff: 'a binary in .data/scripts, and hardly any Python',
  scipy: 'many large extension modules',
  setuptools: 'vendored packages with dist-info of their own, and a .pth',
  six: 'one module',
  uvicorn: 'an extra that brings five distributions',
  wheel: 'a console script with the name of a build tool',
  widgetsnbextension: '.data/data, also below etc',
  'zope-event': 'a namespace package',
  'zope-interface': 'the same namespace, with an extension module',
};

/** The requirements file of a minor version: pinned, closed, without addresses. */
export function setFile(minor: string): string {
  const file = join(import.meta.dirname, 'sets', `cp${minor.replace('.', '')}.txt`);
  if (!existsSync(file)) throw new Error(`no set for CPython ${minor}; there are ${MINORS.join(', ')}`);
  return file;
}

/** The pins of a minor version's set. */
export function pins(minor: string): Pin[] {
  const lines = readFileSync(setFile(minor), 'utf8').split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map(parse);
}

function parse(line: string): Pin {
  const match = /^([a-z0-9-]+)(?:\[([a-z0-9,-]+)\])?==([0-9a-z.]+)$/.exec(line);
  if (match === null) throw new Error(`not a pin: ${line}`);
  return { name: match[1]!, extras: match[2]?.split(',') ?? [], version: match[3]! };
}
