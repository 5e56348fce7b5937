import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ROOT } from '../support/install.ts';
import { run } from '../support/run.ts';

let root: string;
let prefix: string;
beforeEach(() => {
  root = mkdtempSync(join(realpathSync(tmpdir()), 'pkg-cache-install-'));
  mkdirSync(join(root, 'home'));
  prefix = join(root, "it's a prefix");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Runs the installer from another directory, with an empty home. */
function install(args: readonly string[], env: Record<string, string | undefined> = {}) {
  const { PATH } = process.env;
  return run(join(ROOT, 'install.sh'), args, { cwd: root, env: { HOME: join(root, 'home'), PATH, ...env } });
}

const config = () => readFileSync(join(prefix, 'config'), 'utf8').split('\n').filter((line) => /^\w/.test(line));

it('installs, and prints the line for PATH', async () => {
  const bin = join(root, 'bin');
  mkdirSync(bin);
  for (const name of ['pip3.99', 'pip3.x', 'pip3.']) writeFileSync(join(bin, name), '', { mode: 0o755 });
  const outcome = await install(['--prefix', prefix], { PATH: `${process.env['PATH']!}${delimiter}${bin}` });
  expect(outcome).toMatchObject({ code: 0, stderr: '' });
  expect(outcome.stdout).toContain(`\nexport PATH="${prefix}/shims:$PATH"\n`);
  expect(config()).toEqual([`cache_dir = ${root}/home/.cache/pkg-cache`]);
  const shims = readdirSync(join(prefix, 'shims'));
  expect(shims).toEqual(expect.arrayContaining(['.pkg-cache-shims', 'pip', 'pip3', 'pip3.99', 'pkg-cache']));
  expect(shims).not.toEqual(expect.arrayContaining(['pip3.x']));
  expect(shims).not.toEqual(expect.arrayContaining(['pip3.']));
  const sourced = await run('/bin/sh', ['-c', `${/^export .*$/m.exec(outcome.stdout)![0]}; command -v pip`], { env: { PATH: '/bin' } });
  expect(sourced.stdout).toBe(`${prefix}/shims/pip\n`);
});

it('runs without the source tree', async () => {
  await install(['--prefix', prefix]);
  const { code, stderr } = await run(join(prefix, 'shims/pkg-cache'), ['--help'], { cwd: '/', env: { HOME: root, PATH: '' } });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

it('keeps settings and comments when run again, unless given anew', async () => {
  await install(['--prefix', prefix, '--store', 's3://bucket/a b', '--cache=relative']);
  expect(config()).toEqual([`cache_dir = ${root}/relative`, 'store = s3://bucket/a b']);
  writeFileSync(join(prefix, 'config'), '# mine\nother = 1\n  store=old # x\ncache_dir = /c');
  const before = readdirSync(join(prefix, 'app'));
  expect(await install(['--prefix', prefix])).toMatchObject({ code: 0, stderr: '' });
  expect(readFileSync(join(prefix, 'config'), 'utf8')).toBe('# mine\nother = 1\n  store=old # x\ncache_dir = /c\n');
  await install(['--prefix', prefix, '--store', './dir']);
  expect(readFileSync(join(prefix, 'config'), 'utf8')).toBe(`# mine\nother = 1\nstore = ${root}/dir\ncache_dir = /c\n`);
  expect(readdirSync(join(prefix, 'app'))).toEqual(before);
});

it('uninstalls what it installed, and says what it keeps', async () => {
  const cache = join(root, 'a cache');
  mkdirSync(cache);
  await install(['--prefix', prefix, '--cache', cache]);
  writeFileSync(join(prefix, 'shims/mine'), '');
  const outcome = await install(['--prefix', prefix, '--uninstall']);
  expect(outcome).toMatchObject({ code: 0, stderr: '' });
  expect(outcome.stdout).toContain(`rm -rf '${cache}'`);
  expect(readdirSync(prefix)).toEqual(['shims']);
  expect(readdirSync(join(prefix, 'shims'))).toEqual(['mine']);
  expect(existsSync(cache)).toBe(true);
  expect(await install(['--prefix', prefix, '--uninstall'])).toMatchObject({ code: 1, stderr: expect.stringContaining('not installed') });
});

it('does not touch a directory that is something else', async () => {
  mkdirSync(join(prefix, 'app'), { recursive: true });
  expect(await install(['--prefix', prefix])).toMatchObject({ code: 1, stderr: expect.stringContaining('choose another --prefix') });
  expect(readdirSync(prefix)).toEqual(['app']);
});

it('writes settings, and says which cannot be used', async () => {
  const config = (): string[] => readFileSync(join(prefix, 'config'), 'utf8').split('\n').filter((line) => /^(?:read_only|blocked|max_size)/.test(line));
  expect(await install(['--prefix', prefix, '--set', 'read_only=on', '--set=blocked=evil-*, left-pad@1.0', '--set', 'max_size=20G'])).toMatchObject({ code: 0, stderr: '' });
  expect(config()).toEqual(['read_only = on', 'blocked = evil-*, left-pad@1.0', 'max_size = 20G']);
  expect(await install(['--prefix', prefix, '--set', 'max_size=1G', '--set', 'read_only='])).toMatchObject({ code: 0 });
  expect(config()).toEqual(['blocked = evil-*, left-pad@1.0', 'max_size = 1G']);
  expect(await install(['--prefix', prefix, '--set', 'max_size=big'])).toMatchObject({ code: 1, stderr: expect.stringMatching(/config, line \d: big is not a size/) });
});

it.each([[['--unknown']], [['--prefix']], [['--prefix', '']], [['--store', 'a\nb']], [['--set', 'a']], [['--set', 'a=b\nc=d']], [['x']]])('refuses %j', async (args) => {
  expect(await install(args)).toMatchObject({ code: 2, stderr: expect.stringContaining('install.sh: ') });
});

it('says what is missing', async () => {
  const bin = join(root, 'bin');
  mkdirSync(bin);
  const tool = (name: string, text: string) => writeFileSync(join(bin, name), text, { mode: 0o755 });
  // What the script itself needs, without the machine's node.
  const PATH = bin;
  expect(await install(['--prefix', prefix], { PATH })).toMatchObject({ code: 1, stderr: expect.stringContaining('node not found') });
  tool('node', '#!/bin/sh\n[ "$1" = --version ] || exit 1\necho v18.0.0\n');
  expect(await install(['--prefix', prefix], { PATH })).toMatchObject({ code: 1, stderr: expect.stringContaining(`${bin}/node is v18.0.0`) });
  tool('node', `#!/bin/sh\nexec '${process.execPath}' "$@"\n`);
  expect(await install(['--prefix', prefix], { PATH })).toMatchObject({ code: 1, stderr: expect.stringContaining('npm not found') });
  expect(existsSync(prefix)).toBe(false);
});

it('leaves an installation that works when the build fails', async () => {
  await install(['--prefix', prefix]);
  const tree = join(root, 'tree');
  for (const name of ['install.sh', 'shims', 'scripts', 'package.json', 'package-lock.json']) cpSync(join(ROOT, name), join(tree, name), { recursive: true });
  mkdirSync(join(tree, 'node_modules/esbuild'), { recursive: true });
  writeFileSync(join(tree, 'node_modules/.package-lock.json'), '');
  utimesSync(join(tree, 'package-lock.json'), 1, 1);
  const before = readFileSync(join(prefix, 'shims/pip'), 'utf8');
  const outcome = await run(join(tree, 'install.sh'), ['--prefix', prefix], { env: { HOME: root, PATH: process.env['PATH'] } });
  expect(outcome).toMatchObject({ code: 1, stderr: expect.stringContaining('the build failed') });
  expect(readFileSync(join(prefix, 'shims/pip'), 'utf8')).toBe(before);
  expect(readdirSync(join(prefix, 'app')).length).toBe(1);
});

it('obeys the umask, and replaces what cannot be written', async () => {
  await install(['--prefix', prefix]);
  chmodSync(join(prefix, 'shims/pip'), 0o555);
  const again = await run('/bin/sh', ['-c', 'umask 077; exec "$0" --prefix "$1"', join(ROOT, 'install.sh'), prefix], {
    env: { HOME: join(root, 'home'), PATH: process.env['PATH'] },
  });
  expect(again.code).toBe(0);
  expect(lstatSync(join(prefix, 'shims/pip')).mode & 0o777).toBe(0o700);
});
