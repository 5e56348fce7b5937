import { describe, expect, it, test } from 'vitest';
import type { Request } from '../../../src/pip/recognise/request.ts';
import { recognise } from '../../../src/pip/recognise/argv.ts';
import { context, directory, recogniseLine, requestOf } from './support.ts';

const FILES = { 'req.txt': 'six==1.16.0\n', 'c.txt': 'six<2\n', 'install': 'attrs==1\n' };

describe('no install', () => {
  it.each(['', 'list', 'download six', '-q freeze', 'isntall six', '--version', '-V install six', '-h install', '--help install six', '-- list', '--log install list'])(
    '%j',
    (line) => {
      expect(recogniseLine(line, context(directory())).kind).toBe('other');
    },
  );
});

describe('what an option means', () => {
  it.each<[string, Partial<Request>]>([
    ['-q install six', { verbosity: -1 }],
    ['install -qqv six', { verbosity: -1 }],
    ['install six -vv', { verbosity: 2 }],
    ['install --debug -q six', { verbosity: 2 }],
    ['install --no-deps six', { noDeps: true }],
    ['install --no-dependencies six', { noDeps: true }],
    ['install --no-depe six', { noDeps: true }],
    ['install --tar=out six', { target: '/out' }],
    ['install -t out six', { target: '/out' }],
    ['install -tout six', { target: '/out' }],
    ['install -qtout six', { target: '/out', verbosity: -1 }],
    ['install -t -x six', { target: '/-x' }],
    ['install -t a --target b six', { target: '/b' }],
    ['install --no-compile six', { compile: false }],
    ['install --no-compile --compile six', { compile: true }],
    ['install --user six', { user: true, noUser: false }],
    ['install --user --no-user six', { user: false, noUser: true }],
    ['install --prefix p --root /r six', { prefix: 'p', root: '/r' }],
    ['--python ./venv install six', { python: './venv' }],
    ['install --require-venv --break-system-packages six', { requireVirtualenv: true, breakSystemPackages: true, pip: { since: '23.0' } }],
    ['install --log ~/pip.log six', { logFile: '/pip.log' }],
    ['install --no-color --no-warn-script-location --no-warn-conflicts six', { noColor: true, noWarnScriptLocation: true, noWarnConflicts: true }],
    ['install --root-user-action ignore --progress-bar raw six', { rootUserAction: 'ignore', progressBar: 'raw', pip: { since: '24.1' } }],
    ['install --require-hashes six', { requireHashes: true }],
    ['install --no-require-h six', { requireHashes: false, pip: { since: '26.2' } }],
    ['install --no-cache-dir --cache-dir x --proxy p --retries 3 --timeout 1.5 --trusted-host h --no-input six', { buildOptions: false, pip: {} }],
    ['install --config-settings=a=b six', { buildOptions: true }],
    ['install -C a=b six', { buildOptions: true, pip: { since: '23.1' } }],
    ['install --no-build-isolation --use-pep517 six', { buildOptions: true }],
    ['install --ignore-requires-python six', { ignoreRequiresPython: true }],
    ['install --isolated six', { isolated: true }],
  ])('%s', (line, expected) => {
    const root = directory();
    const request = JSON.parse(JSON.stringify(requestOf(line, context(root))).replaceAll(root, '')) as Request;
    expect(request).toMatchObject(expected);
  });

  it.each<[string, Partial<Request['index']>]>([
    ['install -i https://a/s --extra-index-url https://b --extra-index-url=https://c six', { indexUrl: 'https://a/s', extraIndexUrls: ['https://b', 'https://c'] }],
    ['install --pypi-url https://a six', { indexUrl: 'https://a' }],
    ['install --no-index -f https://x/y -f wheels six', { noIndex: true, findLinks: ['https://x/y', '/wheels'] }],
    ['install --no-binary :all: --only-binary A_b,c six', { noBinary: [':all:'], onlyBinary: ['a-b', 'c'] }],
    ['install --no-binary a,b --only-binary :all: six', { noBinary: [], onlyBinary: [':all:'] }],
    ['install --no-binary a --no-binary :none:,b six', { noBinary: ['b'] }],
    ['install --pre --prefer-binary six', { pre: true, preferBinary: true }],
    ['install --all-releases a --only-final b six', { allReleases: ['a'], onlyFinal: ['b'] }],
    ['install --uploaded-prior-to P7D six', { uploadedPriorTo: 'P7D' }],
    ['install -t x --only-binary=:all: --platform p --python-version 3.11 --implementation cp --abi a --abi b six', { platforms: ['p'], pythonVersion: '3.11', implementation: 'cp', abis: ['a', 'b'] }],
  ])('%s', (line, expected) => {
    const root = directory();
    expect(JSON.parse(JSON.stringify(requestOf(line, context(root)).index).replaceAll(root, ''))).toMatchObject(expected);
  });
});

describe('which requirements', () => {
  it.each<[string, string[]]>([
    ['install six==1.16.0 Flask[Async]', ['six==1.16.0', 'Flask[Async]']],
    ['install -rreq.txt attrs', ['attrs', 'six==1.16.0']],
    ['install -qr req.txt', ['six==1.16.0']],
    ['install --req=req.txt -c c.txt', []],
    ['install -- -r', []],
    ['-- install six', ['six']],
    ['-q install -- six', ['six']],
    ['-r install', []],
    ['install -r install', ['attrs==1']],
  ])('%s', (line, expected) => {
    const recognition = recogniseLine(line, context(directory(FILES)));
    const lines = recognition.kind === 'install' ? recognition.request.requirements.map((r) => r.line) : [];
    expect(lines).toEqual(expected);
  });

  it.each<[string, string | undefined]>([
    ['six==1.16.0', '1.16.0'], ['six===1.16.0', '1.16.0'], ['six==1.*', undefined], ['six>=1', undefined], ['six>=1,==1.5', '1.5'], ['six<1,==1.5', undefined],
    ['six==1.0rc1', '1.0rc1'], ['six==1.0+cpu,==1.0', '1.0+cpu'], ['six==1!2.0', '1!2.0'], ['six(==1.0)', '1.0'], ['six==v1.0', 'v1.0'],
  ])('%s is pinned to %s', (text, pin) => {
    expect(requestOf(`install ${text}`, context(directory())).requirements[0]?.pin).toBe(pin);
  });

  it.each([
    ['./pkg', 'path requirement'], ['pkg/', 'path requirement'], ['.', 'path requirement'], ['six-1.0-py3-none-any.whl', 'path requirement'], ['x.tar.gz[extra]', 'path requirement'],
    ['https://h/x.whl', 'URL requirement'], ['git+ssh://git@h/x', 'URL requirement'], ['file:///x', 'URL requirement'], ['six@https://user:secret@h/x.whl', 'URL requirement'],
    ['-e .', 'option --editable'], ['-U six', 'option --upgrade'], ['--force-reinstall six', 'option --force-reinstall'], ['-I six', 'option --ignore-installed'], ['--group dev', 'option --group'],
    ['--use-feature fast-deps six', 'option --use-feature'], ['--src x six', 'option --src'], ['--only-deps six', 'option --only-deps'],
  ])('%s passes, and may be observed', (rest, reason) => {
    const recognition = recogniseLine(`install ${rest}`, context(directory()));
    expect(recognition).toMatchObject({ kind: 'passthrough', observe: true, reason });
    expect(JSON.stringify(recognition)).not.toContain('secret');
  });

  it('a directory with the name of a requirement is none', () => {
    expect(requestOf('install six', context(directory({ 'six/setup.py': '' }))).requirements[0]?.unsupported).toBeUndefined();
  });
});

describe('passes unobserved', () => {
  it.each([
    'install', 'install --unknown six', 'install --no-dep six', 'install --no-c six', 'install -Z six', 'install --no-deps=1 six', 'install -t', 'install six -r', 'install -h', 'install -V',
    'install --dry-run six', 'install --report r.json six', 'install --no-pkg-caching six', 'install --global-option x six', 'install --install-option x six', 'install --no-use-pep517 six',
    'install --retries x six', 'install --progress-bar no six', 'install -C novalue six', 'install --no-binary -x six', 'install --uploaded-prior-to soon six', 'install --python-version 3.x six',
    'install --user -t x six', 'install --user --prefix x six', 'install --platform p six', 'install --platform p -t x six', 'install --pre --all-releases x six', 'install --log ~other/x six',
    'install --require-hashes --no-require-hashes six', 'install --python x six', 'install -r missing.txt', 'install -r https://h/r.txt', 'install -r pylock.toml', 'install -r pylock.dev.toml',
    'install -r /dev/stdin', 'install -c /dev/fd/0 six', 'install -r .', 'install six=1.0', 'install six==1.0;broken', 'install -i ./simple six', 'install -i file:///simple six', 'install -r pylock.toml[x]',
    '--unknown install six', '--log', 'install -i http://[ six', 'install --- six', 'install --=x six', 'install $(id) six', 'install `id`', 'install six;id',
  ])('%s', (line) => {
    const ctx = context(directory({ ...FILES, 'pylock.toml': '', 'pylock.dev.toml': '' }));
    expect(recogniseLine(line, ctx)).toMatchObject({ kind: 'passthrough', observe: false });
  });

  it('arguments with strange contents', () => {
    const ctx = context(directory());
    for (const text of ['', ' ', '__proto__', 'constructor[toString]', 'a\0b', 'six\n', '-\n', '--__proto__', '--constructor=x', `six${'-'.repeat(10)}`]) {
      expect(recognise(['install', text], ctx).kind, JSON.stringify(text)).toMatch(/passthrough|install/);
    }
    expect(recognise(['install', '__proto__=='], { ...ctx, env: JSON.parse('{"__proto__": "x", "PIP___PROTO__": "1"}') as Record<string, string> }).kind).toBe('passthrough');
  });

  test('a megabyte of arguments', () => {
    const many = Array.from({ length: 20_000 }, (_, i) => `package-${i}-${'x'.repeat(40)}==1.0`);
    const recognition = recognise(['install', ...many], context(directory()));
    expect(recognition.kind === 'install' && recognition.request.requirements.length).toBe(20_000);
    expect(recognise(['install', 'a'.repeat(1 << 20)], context(directory())).kind).toBe('install');
    expect(recognise(['install', ' ('.repeat(1 << 19)], context(directory())).kind).toBe('passthrough');
    expect(recognise(['install', `a;${'('.repeat(1 << 19)}`], context(directory())).kind).toBe('passthrough');
  });
});

it('reasons hold no credentials', () => {
  const recognition = recogniseLine('install -r https://user:secret@h/r.txt', context(directory()));
  expect(recognition).toMatchObject({ kind: 'passthrough', reason: 'https://****@h/r.txt is not a local file' });
});
