import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Context } from '../../../src/pip/recognise/request.ts';
import { context, directory, recogniseLine, requestOf } from './support.ts';

/** The requirements of a file, as `line (line number)`. */
function linesOf(content: string | Buffer, env: Context['env'] = {}): string[] {
  const { requirements } = requestOf('install -r r.txt', context(directory({ 'r.txt': content }), env));
  return requirements.map((r) => `${r.line} ${/line \d+/.exec(r.comesFrom)?.[0]}`);
}

describe('lines', () => {
  it.each<[string, string[]]>([
    ['six==1\n\n# comment\n  attrs  # comment\n', ['six==1 line 1', 'attrs line 4']],
    ['six \\\n==1 \\\n  # end\nattrs', ['six==1 line 1', 'attrs line 4']],
    ['six \\\n  --hash=sha256:aa \\\n  --hash=sha256:bb\nattrs --hash sha256:cc', ['six line 1', 'attrs line 4']],
    ['six\r\nattrs\rflask\n', ['six line 1', 'attrs line 2', 'flask line 3']],
    ['six\u2028attrs\ffoo', ['six line 1', 'attrs line 2', 'foo line 3']],
    ['six \\', ['six line 1']],
    ['six ; python_version > "3" # x', ['six line 1']],
    ['\tsix\t\n', ['six line 1']],
    ['', []],
  ])('%j', (content, expected) => {
    expect(linesOf(content)).toEqual(expected);
  });

  it('fill in variables', () => {
    expect(linesOf('six==${V_1}\n${NAME}==${V_1}\n', { V_1: '1.5', NAME: 'attrs' })).toEqual(['six==1.5 line 1', 'attrs==1.5 line 2']);
    expect(linesOf('${A}${B}', { A: 'six==${B}', B: '1' })).toEqual(['six==11 line 1']);
    expect(recogniseLine('install -r r.txt', context(directory({ 'r.txt': 'six==${lower}' }), { lower: '1' })).kind).toBe('passthrough');
    expect(recogniseLine('install -r r.txt', context(directory({ 'r.txt': 'six==${UNSET}' }))).kind).toBe('passthrough');
  });

  it('keep hashes', () => {
    const root = directory({ 'r.txt': 'six==1 --hash=sha256:AA --hash=sha512:bb\nattrs==1' });
    const request = requestOf('install -r r.txt', context(root));
    expect(request.requireHashes).toBe(true);
    expect(request.requirements.map((r) => r.hashes)).toEqual([{ sha256: ['AA'], sha512: ['bb'] }, {}]);
    expect(requestOf('install -r r.txt --no-require-hashes', context(root)).requireHashes).toBe(false);
  });
});

describe('encodings', () => {
  it.each<[string, Buffer, string[]]>([
    ['UTF-8 with a mark', Buffer.from('\ufeffsix'), ['six line 1']],
    ['UTF-16, little endian', Buffer.from('\ufeffsix\n', 'utf16le'), ['six line 1']],
    ['UTF-16, big endian', Buffer.from('\ufeffsix\n', 'utf16le').swap16(), ['six line 1']],
    ['a declared encoding', Buffer.from('# -*- coding: latin-1 -*-\nsix # \xe9', 'latin1'), ['six line 2']],
    ['UTF-8', Buffer.from('six # é'), ['six line 1']],
  ])('%s', (_, content, expected) => {
    expect(linesOf(content)).toEqual(expected);
  });

  it.each<[string, Buffer]>([
    ['by the locale', Buffer.from('six # \xe9', 'latin1')],
    ['that only Python knows', Buffer.from('# coding: cp1252\nsix')],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x73, 0, 0, 0])],
    ['binary', Buffer.from('six\0')],
  ])('leaves to pip: %s', (_, content) => {
    expect(recogniseLine('install -r r.txt', context(directory({ 'r.txt': content })))).toMatchObject({ kind: 'passthrough', observe: false });
  });
});

describe('options', () => {
  it('set the sources', () => {
    const root = directory({
      'sub/r.txt': '-i https://a\n--extra-index-url https://b --extra-index-url=https://c\n-f wheels\n--find-links other -f ignored\nsix --no-binary six\n--only-binary=:none: --pre\n--prefer-binary\n--trusted-host h\n',
      'sub/wheels/x.whl': '',
    });
    const { index } = requestOf('install -i https://x --extra-index-url https://y -r sub/r.txt', context(root));
    expect(index).toMatchObject({ indexUrl: 'https://a', extraIndexUrls: ['https://b', 'https://c'], noBinary: ['six'], pre: true, preferBinary: true });
    expect(index.findLinks).toEqual([join(root, 'sub/wheels'), join(root, 'other')]);
  });

  it('can take all indexes away', () => {
    const { index } = requestOf('install -i https://x -r r.txt', context(directory({ 'r.txt': '--no-index\n-i https://a\nsix' })));
    expect(index).toMatchObject({ noIndex: true, extraIndexUrls: [] });
    expect(index.indexUrl).toBeUndefined();
  });

  it('count wherever they stand, constraints files included', () => {
    const root = directory({ 'r.txt': '-c c.txt\nsix', 'c.txt': '--require-hashes\n-i https://a\nsix<2 --hash=sha256:aa' });
    const request = requestOf('install -r r.txt', context(root));
    expect(request).toMatchObject({ requireHashes: true, index: { indexUrl: 'https://a' } });
    expect(request.constraints.map((r) => r.line)).toEqual(['six<2']);
  });

  it.each(['-e .', '-e git+https://h/x', './pkg', 'https://h/x.whl', 'six -C a=b', '--use-feature fast-deps\nsix', 'six @ https://h/x.whl'])(
    '%j is understood, not served',
    (content) => {
      const recognition = recogniseLine('install -r r.txt', context(directory({ 'r.txt': content })));
      expect(recognition).toMatchObject({ kind: 'passthrough', observe: true });
    },
  );

  it.each(['--unknown', 'six --hash=md5:aa', 'six --hash', 'six -r', 'six "', '-r', '--no-deps', 'six --hash="sha256:aa', '-i https://a extra', 'six --global-option=x', '-f', 'six==', '--hash=nocolon x'])(
    '%j is left to pip',
    (content) => {
      expect(recogniseLine('install -r r.txt', context(directory({ 'r.txt': content })))).toMatchObject({ kind: 'passthrough', observe: false });
    },
  );
});

describe('includes', () => {
  it('are found from the including file', () => {
    const root = directory({ 'a/r.txt': 'six\n-r ../b/r.txt\n-c ../b/c.txt\nflask', 'b/r.txt': 'attrs\n--requirement more.txt', 'b/more.txt': 'zope.interface', 'b/c.txt': 'six<2' });
    const { requirements, constraints } = requestOf('install -r a/r.txt', context(root));
    expect(requirements.map((r) => [r.line, r.comesFrom.replaceAll(root, '')])).toEqual([
      ['six', '-r a/r.txt (line 1)'],
      ['attrs', '-r /b/r.txt (line 1)'],
      ['zope.interface', '-r /b/more.txt (line 1)'],
      ['flask', '-r a/r.txt (line 4)'],
    ]);
    expect(constraints.map((r) => r.comesFrom.replaceAll(root, ''))).toEqual(['-c /b/c.txt (line 1)']);
  });

  it('of the same file twice are no cycle', () => {
    const root = directory({ 'r.txt': '-r a.txt\n-r a.txt', 'a.txt': 'six' });
    expect(requestOf('install -r r.txt', context(root)).requirements).toHaveLength(2);
  });

  it.each<[string, Record<string, string>]>([
    ['a cycle', { 'r.txt': '-r a.txt', 'a.txt': '-c r.txt' }],
    ['itself', { 'r.txt': '-r r.txt' }],
    ['what is missing', { 'r.txt': '-r a.txt' }],
    ['a URL', { 'r.txt': '-r https://h/r.txt' }],
    ['a lock file', { 'r.txt': '-r pylock.toml', 'pylock.toml': '' }],
    ['requirements from constraints', { 'r.txt': '-c c.txt', 'c.txt': '-r a.txt', 'a.txt': 'six' }],
    ['constraints with extras', { 'r.txt': '-c c.txt', 'c.txt': 'six[x]' }],
  ])('left to pip: %s', (_, files) => {
    expect(recogniseLine('install -r r.txt', context(directory(files)))).toMatchObject({ kind: 'passthrough', observe: false });
  });
});

it('never reads a pipe', () => {
  const root = directory();
  execFileSync('mkfifo', [join(root, 'pipe')]);
  for (const line of ['install -r pipe', 'install -c pipe six']) expect(recogniseLine(line, context(root)).kind).toBe('passthrough');
  execFileSync('mkdir', [join(root, 'site')]);
  execFileSync('mkfifo', [join(root, 'site/pip.conf')]);
  expect(recogniseLine('install six', context(root)).kind).toBe('passthrough');
});
