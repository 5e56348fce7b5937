import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { recognise } from '../../../src/pip/recognise/argv.ts';
import type { Context, Request, Requirement } from '../../../src/pip/recognise/request.ts';
import { askPip, directory } from './support.ts';

/** A command line, and what surrounds it. */
interface Case {
  readonly line: string;
  readonly env?: Record<string, string>;
  readonly files?: Record<string, string>;
}

const USER = '.config/pip/pip.conf';
const ini = (section: string, ...lines: string[]): string => `[${section}]\n${lines.join('\n')}\n`;

/** What both must understand alike. */
const CASES: readonly Case[] = [
  { line: 'install six' },
  { line: '-q install six==1.16.0 -v' },
  { line: 'install -qqq Flask[Async,dotenv]>=2,<3 attrs!=1' },
  { line: 'install --no-warn-c six -- attrs' },
  { line: 'install --no-dependencies --no-compile --compile six' },
  { line: 'install -tout --root r --prefix p six' },
  { line: 'install --user six' },
  { line: 'install --user --no-user six' },
  { line: '--log x.log install --no-color --no-warn-conflicts --no-warn-script-location six' },
  { line: '--log install install six' },
  { line: 'install --isolated six', env: { PIP_NO_DEPS: '1', PIP_INDEX_URL: 'https://e' }, files: { [USER]: ini('global', 'no-index=1') } },
  { line: 'install -i https://a --extra-index-url https://b --extra-index-url=https://c -f https://d -f links six' },
  { line: 'install --no-index -i https://a six' },
  { line: 'install --no-binary A_b,c --only-binary :all: --no-binary d six' },
  { line: 'install --no-binary :all:,:none:,x --only-binary=y six' },
  { line: 'install --prefer-binary --pre six' },
  { line: 'install --require-hashes six' },
  { line: 'install six', env: { PIP_NO_COMPILE: '1' } },
  { line: 'install six', env: { PIP_NO_COMPILE: '0', PIP_NO_WARN_CONFLICTS: 'false' } },
  { line: 'install six', env: { PIP_USER: '1' } },
  { line: 'install six', env: { PIP_USER: '0' } },
  { line: 'install six', env: { PIP_NO_USER: '1' } },
  { line: 'install -v six', env: { PIP_VERBOSE: '2', PIP_QUIET: 'on' } },
  { line: 'install --extra-index-url https://c six', env: { PIP_EXTRA_INDEX_URL: 'https://a https://b' } },
  { line: 'install six', env: { PIP_FIND_LINKS: 'links /abs' } },
  { line: 'install -f more six', env: { PIP_FIND_LINKS: 'links' }, files: { [USER]: ini('global', 'find-links = other') } },
  { line: 'install --no-binary b six', env: { PIP_NO_BINARY: 'a' }, files: { [USER]: ini('install', 'only-binary = c,b') } },
  { line: 'install six', env: { PIP_NO_DEPS: 'YES', PIP_INDEX_URL: '' } },
  { line: 'install', env: { PIP_REQUIREMENT: 'r.txt', PIP_CONSTRAINT: 'c.txt' }, files: { 'r.txt': 'six\n', 'c.txt': 'six<2\n' } },
  { line: 'install six', files: { [USER]: ini('global', 'index-url: https://g', 'extra_index_url =', '  https://h', '', '  https://i') + ini('install', 'no-deps = yes', 'unknown = 1') } },
  { line: 'install six', files: { '.pip/pip.conf': ini('global', 'index-url = https://l'), [USER]: ini('install', '; c', 'Index-URL = https://u') } },
  { line: 'install six', env: { PIP_CONFIG_FILE: 'own' }, files: { own: ini('global', 'index-url = https://o'), [USER]: ini('install', 'index-url = https://u') } },
  { line: 'install six', env: { PIP_CONFIG_FILE: '/dev/null' }, files: { [USER]: ini('install', 'index-url = https://u') } },
  { line: 'install six', files: { 'etc/pip/pip.conf': ini('install', 'index-url = https://g'), [USER]: ini('global', 'index-url = https://u', 'timeout = 3') } },
  { line: 'install -r r.txt', files: { 'r.txt': 'six==1 \\\n  --hash=sha256:AA --hash=sha256:bb # c\nattrs ; python_version > "3"\n' } },
  { line: 'install -r r.txt -c c.txt flask', files: { 'r.txt': 'six\n-i https://a\n--extra-index-url https://b\n-f links\n', 'c.txt': 'six<2\n--no-binary six\n--require-hashes\n' } },
  { line: 'install -r r.txt -i https://x --extra-index-url https://y', files: { 'r.txt': '-i https://a -f links -f no\nsix --only-binary six\n--prefer-binary\n', 'links/x': '' } },
  { line: 'install -r r.txt -f https://x', files: { 'r.txt': '--no-index\n-i https://a\nsix\n' } },
  { line: 'install -r d/r.txt', files: { 'd/r.txt': 'six${SUFFIX}==${V}\n-r e.txt\n-c c.txt', 'd/e.txt': 'attrs\n-f links', 'd/links/x': '', 'd/c.txt': 'six>1' }, env: { V: '1.0', SUFFIX: 'x' } },
  { line: 'install -r r.txt', files: { 'r.txt': '\ufeffsix\u2028attrs\x0bfoo\\\n  ==1\\\n# c\nbar #egg\nbaz \\' } },
  { line: 'install -r r.txt', files: { 'r.txt': '# coding: latin-1\nsix == 1.0 , != 2\nzope.interface (>=5)\n\n \t\nA[b, c]~=1.0\n' } },
  { line: 'install -r r.txt', files: { 'r.txt': 'six --hash "sha256:aa" --hash=\'sha512:bb\'\n--hash=sha256:cc\n' } },
  { line: 'install -U -r r.txt', files: { 'r.txt': 'six\n' } },
];

/** What pip refuses, and we must not serve. */
const REFUSED: readonly Case[] = [
  { line: 'install' }, { line: 'install --no-dep six' }, { line: 'install --nope six' }, { line: 'install -t' }, { line: 'install --no-deps=x six' }, { line: 'install six=1' },
  { line: 'install six==1;x' }, { line: 'install -r no.txt' }, { line: 'install six', env: { PIP_NO_DEPS: 'x' } }, { line: 'install six', env: { PIP_PROGRESS_BAR: 'x' } },
  { line: 'install six', files: { [USER]: 'x=1\n' } }, { line: 'install six', files: { [USER]: ini('global', 'a=1', 'a=2') } }, { line: 'install six', files: { [USER]: ini('global', 'nothing') } },
  { line: 'install -r r.txt', files: { 'r.txt': 'six --hash=md5:aa' } }, { line: 'install -r r.txt', files: { 'r.txt': 'six "' + " --hash='" } }, { line: 'install -r r.txt', files: { 'r.txt': '--no-deps' } },
  { line: 'install --no-binary -x six' }, { line: 'install --retries x six' }, { line: 'install --python-version 3.x six' }, { line: 'install six[a' }, { line: 'install ./missing' }, { line: '--nope install six' },
];

function prepare(root: string, { line, env = {}, files = {} }: Case, index: number): { argv: string[]; env: Record<string, string>; cwd: string } {
  const cwd = join(root, String(index));
  mkdirSync(cwd);
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(cwd, name)), { recursive: true });
    writeFileSync(join(cwd, name), content);
  }
  return { argv: line.split(' '), env: { HOME: cwd, PATH: '/usr/bin:/bin', XDG_CONFIG_DIRS: join(cwd, 'etc'), ...env }, cwd };
}

function ours({ argv, env, cwd }: ReturnType<typeof prepare>): Request | undefined {
  const ctx: Context = { env, cwd, home: cwd, platform: process.platform };
  const recognition = recognise(argv, ctx);
  return 'request' in recognition ? recognition.request : undefined;
}

interface Theirs {
  readonly requirements: readonly { line: string; comesFrom: string; hashes: object; marked: boolean }[];
  readonly constraints: Theirs['requirements'];
  readonly indexUrls: readonly string[];
  readonly preferBinary: boolean | null;
}

/** Our request in the words of real_pip.py. Pips before 24.3 name included files otherwise. */
function comparable(request: Request, theirs: Theirs): unknown {
  const { index } = request;
  const describe = (r: Requirement): unknown => ({ line: r.line, hashes: r.hashes, direct: false, marked: r.marker !== undefined });
  const [builtIn] = theirs.indexUrls;
  const indexUrls = index.noIndex ? [] : [index.indexUrl ?? builtIn, ...index.extraIndexUrls];
  const keys = ['requireHashes', 'noDeps', 'compile', 'user', 'noUser', 'isolated', 'verbosity', 'noColor', 'noWarnConflicts', 'noWarnScriptLocation'] as const;
  return {
    ...Object.fromEntries(keys.map((key) => [key, request[key]])),
    requirements: request.requirements.map(describe),
    constraints: request.constraints.map(describe),
    target: request.target ?? null,
    prefix: request.prefix ?? null,
    root: request.root ?? null,
    logFile: request.logFile ?? null,
    indexUrls,
    findLinks: index.findLinks,
    noBinary: [...index.noBinary].sort(),
    onlyBinary: [...index.onlyBinary].sort(),
    preferBinary: theirs.preferBinary === null ? null : index.preferBinary,
  };
}

function withoutOrigins(theirs: Theirs): unknown {
  const strip = (list: Theirs['requirements']): unknown => list.map((r) => ({ ...r, comesFrom: undefined }));
  return { ...theirs, requirements: strip(theirs.requirements), constraints: strip(theirs.constraints) };
}

test('requests are what the real pip makes of the same command lines', () => {
  const root = directory();
  const questions = CASES.map((c, i) => prepare(root, c, i));
  const answers = askPip<Theirs>('install', questions);
  for (const [i, question] of questions.entries()) {
    const label = JSON.stringify(CASES[i]);
    const theirs = answers[i];
    if (theirs === undefined) throw new Error(`pip refuses ${label}`);
    const request = ours(question);
    if (request === undefined) throw new Error(`not recognised: ${label}`);
    expect(comparable(request, theirs), label).toEqual(withoutOrigins(theirs));
    const named = [...request.requirements, ...request.constraints].filter((r) => !r.comesFrom.includes(root));
    const origins = [...theirs.requirements, ...theirs.constraints].map((r) => r.comesFrom);
    expect(origins, label).toEqual(expect.arrayContaining(named.map((r) => r.comesFrom)));
  }
});

test('what the real pip refuses is not served', () => {
  const root = directory();
  const questions = REFUSED.map((c, i) => prepare(root, c, i));
  const answers = askPip('install', questions);
  expect(REFUSED.filter((_, i) => answers[i] !== undefined)).toEqual([]);
  const served = questions.map((q) => recognise(q.argv, { env: q.env, cwd: q.cwd, home: q.cwd, platform: process.platform }).kind);
  expect(REFUSED.filter((_, i) => served[i] === 'install')).toEqual([]);
});
