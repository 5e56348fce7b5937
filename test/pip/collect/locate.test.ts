import { describe, expect, it } from 'vitest';
import { SchemeMap } from '../../../src/pip/collect/locate.ts';
import type { Scheme } from '../../../src/pip/python/facts.ts';
import { codeOf } from '../../cache/support.ts';

const venv: Scheme = { purelib: '/v/lib/python3.12/site-packages', platlib: '/v/lib/python3.12/site-packages', headers: '/v/include/site/python3.12/@DIST@', scripts: '/v/bin', data: '/v' };
const split: Scheme = { ...venv, platlib: '/v/lib64/python3.12/site-packages' };

describe('a row of RECORD is of', () => {
  it.each([
    [venv, 'purelib', 'p/a.py', 'purelib', 'p/a.py'],
    [venv, 'platlib', 'p/a.so', 'platlib', 'p/a.so'],
    [venv, 'purelib', './p//a.py', 'purelib', 'p/a.py'],
    [venv, 'purelib', '../../../bin/tool', 'scripts', 'tool'],
    [venv, 'purelib', '../../../share/p/x', 'data', 'share/p/x'],
    [venv, 'purelib', '../../../include/site/python3.12/P/p.h', 'headers', 'p.h'],
    [venv, 'purelib', '../../../include/site/python3.12/P/sub/p.h', 'headers', 'sub/p.h'],
    [venv, 'purelib', '../../../include/site/python3.12/q/q.h', 'data', 'include/site/python3.12/q/q.h'],
    [venv, 'purelib', '../../../include/site/python3.12/p.h', 'data', 'include/site/python3.12/p.h'],
    [split, 'purelib', '../../../lib64/python3.12/site-packages/p/a.so', 'platlib', 'p/a.so'],
    [split, 'platlib', '../../../lib/python3.12/site-packages/p/a.py', 'purelib', 'p/a.py'],
    [venv, 'purelib', '../../../../etc/passwd', undefined, ''],
    [venv, 'purelib', '../../../../v2/x', undefined, ''],
    [venv, 'purelib', 'p/../../../../../x', undefined, ''],
  ] as const)('%#: %s, %s, %s', (scheme, lib, row, where, path) => {
    const map = new SchemeMap({ actual: scheme, recorded: scheme }, lib, 'p');
    if (where === undefined) expect(codeOf(() => map.locate(row))).toBe('ENTRY_INVALID');
    else expect(map.locate(row)).toMatchObject({ scheme: where, path });
  });
});

it('a file lies where the target is, not where its row says', () => {
  const recorded: Scheme = { purelib: '/home/lib/python', platlib: '/home/lib/python', headers: '/home/include/python/@DIST@', scripts: '/home/bin', data: '/home' };
  const actual: Scheme = { purelib: '/t', platlib: '/t', headers: '/t/include/python/@DIST@', scripts: '/t/bin', data: '/t' };
  const map = new SchemeMap({ actual, recorded }, 'purelib', 'P');
  expect(['p/a.py', '../../bin/x', '../../include/python/P/p.h'].map((row) => map.locate(row).actual)).toEqual(['/t/p/a.py', '/t/bin/x', '/t/include/python/P/p.h']);
});
