import { execFileSync } from 'node:child_process';
import { readFileSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assertCurrentBytecode, bytecodeSource } from '../../../src/pip/collect/bytecode.ts';
import { anyPython } from '../../support/pythons.ts';
import { codeOf, tempDir } from '../../cache/support.ts';

it.each([
  ['p/__pycache__/a.cpython-312.pyc', 'p/a.py'],
  ['__pycache__/a.cpython-312.pyc', 'a.py'],
  ['p/__pycache__/a.b.cpython-312.pyc', 'p/a.b.py'],
  ['p/__pycache__/a.cpython-311.pyc', undefined],
  ['p/__pycache__/a.cpython-312.opt-1.pyc', undefined],
  ['p/__pycache__/acpython-312.pyc', undefined],
  ['p/a.pyc', undefined],
  ['p/__pycache__/sub/a.cpython-312.pyc', undefined],
  ['p/a.py', undefined],
])('%s was made from %s', (path, source) => expect(bytecodeSource(path, 'cpython-312')).toBe(source));

describe('bytecode that Python has made', () => {
  /** A source and its bytecode, in the given mode of invalidation. */
  function compiled(mode = 'TIMESTAMP') {
    const dir = tempDir();
    const [source, bytecode] = [join(dir, 'a.py'), join(dir, 'a.pyc')];
    writeFileSync(source, 'a = 1\n');
    const code = `import sys, importlib.util, py_compile as p; p.compile(sys.argv[1], sys.argv[2], doraise=True, invalidation_mode=p.PycInvalidationMode.${mode}); print(int.from_bytes(importlib.util.MAGIC_NUMBER[:2], 'little'))`;
    const magic = Number(execFileSync(anyPython().path, ['-c', code, source, bytecode], { encoding: 'utf8' }));
    return { source, bytecode, verdict: (of = magic) => codeOf(() => assertCurrentBytecode(bytecode, source, of)), magic };
  }

  it('is current', () => expect(compiled().verdict()).toBe('ok'));
  it.each(['CHECKED_HASH', 'UNCHECKED_HASH'])('is not if it goes by hash (%s)', (mode) => expect(compiled(mode).verdict()).toBe('ENTRY_INVALID'));
  it('is not for another Python', () => {
    const { verdict, magic } = compiled();
    expect(verdict(magic + 1)).toBe('ENTRY_INVALID');
  });

  it.each([
    ['has another time', (source: string) => utimesSync(source, 5, 5)],
    ['has another size', (source: string) => truncateSync(source, 3)],
  ])('is not if its source %s', (_what, change) => {
    const { source, verdict } = compiled();
    change(source);
    expect(verdict()).toBe('ENTRY_INVALID');
  });

  it('is not if it is cut off', () => {
    const { bytecode, verdict } = compiled();
    writeFileSync(bytecode, readFileSync(bytecode).subarray(0, 7));
    expect(verdict()).toBe('ENTRY_INVALID');
  });

  it('is current also for a source from after 2106, of whose time it keeps 32 bits', () => {
    const { source, bytecode, verdict } = compiled();
    const time = 2 ** 32 + 5;
    utimesSync(source, time, time);
    const bytes = readFileSync(bytecode);
    bytes.writeUInt32LE(5, 8);
    writeFileSync(bytecode, bytes);
    expect(verdict()).toBe('ok');
  });
});
