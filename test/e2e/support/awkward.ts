import { createHash } from 'node:crypto';
import { anyPython } from '../../support/pythons.ts';
import type { World } from './world.ts';

const long = `${'deep'.repeat(12)}/`.repeat(4);

/** Wheels with all that is unusual about wheels. All are version 1 and depend on nothing. */
export const AWKWARD = ['scripted', 'spread', 'space-one', 'space-two', 'uncompilable', 'odd-names', 'deep-down', 'platform-lib', 'with-bytecode', 'named-twice', 'own-installer', 'long-hashes', 'same-script', 'hashless', 'lacking', 'rooted'] as const;

/** `name==1` for each. */
export const AWKWARD_SET = AWKWARD.map((name) => `${name}==1`);

/** Puts them into the index of a world. */
export function buildAwkward(world: World): void {
  const wheel = (name: (typeof AWKWARD)[number], rest: Omit<Parameters<World['wheel']>[0], 'name' | 'version'>): void => {
    world.wheel({ name, version: '1', ...rest });
  };
  wheel('scripted', {
    files: { 'scripted/__init__.py': 'def main(): print("scripted")\nclass A:\n  class B:\n    run = staticmethod(main)\n' },
    consoleScripts: ['scripted = scripted:main', 'scripted.nested=scripted:A.B.run'],
    guiScripts: ['scripted-gui = scripted:main'],
  });
  wheel('spread', {
    files: { 'spread/__init__.py': '', 'spread/tool': '#!/bin/sh\n' },
    executables: ['spread/tool', 'spread-1.data/scripts/spread-sh', 'spread-1.data/data/libexec/spread-helper'],
    data: {
      scripts: { 'spread-py': '#!python\nprint("spread")\n', 'spread-pyw': '#!pythonw -E\nprint(1)\n', 'spread-sh': '#!/bin/sh\necho spread\n', 'spread.txt': 'no script' },
      headers: { 'spread.h': '', 'sub/spread.h': '' },
      data: { 'share/spread/data.txt': 'data', 'libexec/spread-helper': '#!/bin/sh\n', 'etc/spread.conf': '' },
      purelib: { 'spread_pure/__init__.py': 'x = 1\n' },
      platlib: { 'spread_plat/__init__.py': 'x = 2\n', 'spread_plat/native.so': 'ELF' },
    },
  });
  wheel('space-one', { files: { 'space/one.py': '' } });
  wheel('space-two', { files: { 'space/two.py': '', 'space/three/deep/__init__.py': '' } });
  wheel('uncompilable', { files: { 'uncompilable/__init__.py': '', 'uncompilable/py2.py': 'print "no"\n', 'uncompilable/latin.py': new Uint8Array([0x78, 0x3d, 0x22, 0xe9, 0x22]) } });
  wheel('odd-names', { files: { 'odd/__init__.py': '', 'odd/a,b.txt': '1', 'odd/with space.py': '', 'odd/ünïcode-✓.txt': '2', 'odd/日本.py': '', 'odd/empty.txt': '' } });
  wheel('deep-down', { files: { [`deep/${long}__init__.py`]: 'x = 1\n', [`deep/${long}data.bin`]: new Uint8Array(70_000).fill(7) } });
  wheel('platform-lib', { rootIsPurelib: false, files: { 'platform_lib.py': '' } });
  const tag = `cpython-${anyPython().minor.replace('.', '')}`;
  // As numpy 1.26: pip compiles the source anew, so that RECORD has a row for either.
  wheel('with-bytecode', { files: { 'shipped/a.py': 'a = 1\n', [`shipped/__pycache__/a.${tag}.pyc`]: 'stray', 'shipped/__pycache__/b.cpython-27.pyc': 'other', 'shipped/c.pyc': 'old' } });
  // As selenium 4.1.0; and what is in two places of the wheel, of which pip takes the second.
  wheel('named-twice', {
    files: { 'twice/a.py': 'a = 1\n', 'twice/b.txt': 'b', 'twice/c.py': 'c = 1\n' },
    data: { purelib: { 'twice/c.py': 'c = 2\n' }, data: { 'share/twice.txt': 't' }, scripts: { twice: '#!python\n' } },
    record: (rows) => [...rows, ...rows, ...rows.filter((row) => row.startsWith('twice/a.py')).map((row) => `./${row}`)],
  });
  wheel('own-installer', { files: { 'own_installer.py': '', 'own_installer-1.dist-info/INSTALLER': 'me', 'own_installer-1.dist-info/sboms/a.json': '{}' } });
  wheel('long-hashes', { files: { 'long.txt': 'long', 'longer.txt': 'longer' }, data: { data: { 'share/long.txt': 'far' } }, record: (rows) => rows.map(longHash) });
  wheel('hashless', { files: { 'hashless.txt': 'x', 'hashless.py': '' }, data: { data: { 'share/hashless.txt': '' } }, record: (rows) => rows.filter((row) => !row.includes('hashless.txt')) });
  wheel('lacking', { files: { 'lacking.py': '' }, record: (rows) => [...rows, 'lacking/none.py,sha256=x,1', '../../none.txt,,', 'lacking-1.data/data/none,,'] });
  // As selenium 4.1.0.
  wheel('rooted', { files: { 'rooted_here/a.py': 'a = 1\n' }, record: (rows) => rows.map((row) => (row.startsWith('rooted_here/') ? `/${row}` : row)) });
  wheel('same-script', { consoleScripts: ['same = same:first', 'twice = same:first', 'twice = same:second'], guiScripts: ['same = same:second'] });
}

/** What `long`, `longer` and `far` hash to, by longer functions than usual. */
function longHash(row: string): string {
  const [path = '', , size = ''] = row.split(',');
  const text = { 'long.txt': 'long', 'longer.txt': 'longer', 'long_hashes-1.data/data/share/long.txt': 'far' }[path];
  const algorithm = path === 'longer.txt' ? 'sha384' : 'sha512';
  return text === undefined ? row : `${path},${algorithm}=${createHash(algorithm).update(text).digest('base64url')},${size}`;
}
