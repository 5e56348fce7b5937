import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startFaultServer, type FaultServer } from '../support/fault-server.ts';
import { run } from '../support/run.ts';
import { until } from './support/offline.ts';
import { start } from './support/started.ts';
import { startWorld, type World } from './support/world.ts';
import type { Worker } from './support/worker.ts';

let world: World;
let refused: FaultServer;
let worker: Worker;

beforeAll(async () => {
  world = await startWorld({ store: true });
  refused = await startFaultServer('refused');
  world.wheel({ name: 'Some.Name', version: '1.0' });
  worker = world.worker();
});

afterAll(async () => await world.stop());

it('helps', async () => {
  const { code, stdout, stderr } = await worker.cli(['--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^pkg-cache <command>/);
  for (const command of ['status', 'remove', 'clean', 'logs', 'config', 'flush']) expect(stdout).toContain(`pkg-cache ${command}`);
  const wrong = await worker.cli(['no-such-command']);
  expect(wrong).toMatchObject({ code: 2, stdout: '' });
  expect(wrong.stderr).toContain('no-such-command');
});

it('tells its version', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  expect(await worker.cli(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' });
});

it('has help, with examples and exit codes, for every command', async () => {
  const { stdout } = await worker.cli(['--help']);
  const commands = [...stdout.matchAll(/^ {2}pkg-cache ([a-z]+)/gm)].map(([, name = '']) => name).filter((name) => name !== 'completion');
  expect(commands).toEqual(expect.arrayContaining(['status', 'explain', 'env', 'add', 'remove', 'clean', 'verify', 'logs', 'stats', 'doctor', 'config', 'store', 'flush', 'warm', 'daemon', 'sync', 'snapshot']));
  for (const name of commands) expect((await worker.cli([name, '--help'])).stdout.replace(/\s+/g, ' '), name).toMatch(/ Examples: .* Exit codes: 0 .*\b2 .*\. ?$/);
});

it('shows an empty cache without making one', async () => {
  const { code, stdout } = await worker.cli(['status']);
  expect(code).toBe(0);
  expect(stdout).toContain(worker.cache);
  expect(stdout).toContain('no entries');
  expect(existsSync(join(worker.cache, 'v1/entries'))).toBe(false);
});

it('says what is not stored while the store is down, though a daemon goes on trying', async () => {
  const own = world.worker(refused.env);
  const daemon = start('pkg-cache', ['daemon'], { ...own.env, PATH: [own.shims, own.env['PATH']].join(':') });
  try {
    await until(() => existsSync(own.backgroundClaim));
    await own.pip(await world.venv(), ['install', 'some-name==1.0']);
    await until(async () => (await own.rows()).some(({ status }) => status === 'pending'));
    expect(await own.cli(['flush'])).toMatchObject({ code: 1, stderr: expect.stringMatching(/^pkg-cache: 1 not stored yet: .+\n$/) as string });
  } finally {
    daemon.kill('SIGTERM');
    expect(await daemon.ended).toMatchObject({ code: 0 });
  }
});

it('says what is not stored while the store is down, and stores it later', async () => {
  await worker.pip(await world.venv(), ['install', 'some-name==1.0'], { env: refused.env });
  const failed = await worker.cli(['flush'], { env: refused.env });
  expect(failed).toMatchObject({ code: 1, stdout: '' });
  expect(failed.stderr).toMatch(/^pkg-cache: 1 not stored yet: .+\n$/);
  const [pending] = await worker.rows();
  expect(pending).toMatchObject({ status: 'pending', package: 'some-name', version: '1.0' });
  const table = await worker.cli(['status']);
  expect(table.stdout).toMatch(/^pending +pip +some-name==1\.0 +[\d.]+ k?B +just now +127\.0\.0\.1:\d+\/simple +\/.*$/m);
  // A flush is somebody's wish: the circuit that the failure opened does not stand in its way for long.
  expect(await worker.cli(['flush'])).toEqual({ code: 0, signal: undefined, stdout: '', stderr: '' });
  expect(await worker.rows()).toMatchObject([{ status: 'cached' }]);
  expect((await worker.cli([])).stdout).toMatch(/^cached +pip +some-name==1\.0 /m);
});

it('has JSON for programs', async () => {
  const { stdout } = await worker.cli(['status', '--json']);
  expect(JSON.parse(stdout)).toEqual({
    cache: worker.cache,
    entries: [
      {
        status: 'cached',
        ecosystem: 'pip',
        package: 'some-name',
        version: '1.0',
        platform: expect.stringMatching(/./),
        origin: expect.stringMatching(/^[0-9a-f]{16}$/),
        from: world.index.url.replace(/\/$/, ''),
        path: expect.stringContaining(worker.cache),
        bytes: expect.any(Number),
        lastUsed: expect.stringMatching(/Z$/),
      },
    ],
    totals: { cached: 1, bytes: expect.any(Number) },
    ready: { copies: 0, bytes: 0 },
    spooled: { jobs: 0, uploads: 0 },
    fleet: expect.any(Object),
  });
});

it('says what is wrong with its settings', async () => {
  const { code, stderr } = await worker.cli(['status'], { env: { PKG_CACHE_DIR: 'relative/path' } });
  expect(code).toBe(1);
  expect(stderr).toContain('PKG_CACHE_DIR: relative/path is not an absolute path');
});

describe('what is removed', () => {
  const statuses = async (): Promise<string[]> => (await worker.rows()).map(({ status, package: name, version }) => `${status} ${name}==${version}`).sort();

  beforeAll(async () => {
    for (const name of ['ash', 'birch', 'cedar']) world.wheel({ name, version: '1.0' });
    await worker.fill(await world.venv(), ['ash==1.0', 'birch==1.0', 'cedar==1.0']);
  });

  it('is chosen by name, version and pattern', async () => {
    expect(await worker.cli(['remove', 'no-such'])).toMatchObject({ code: 1, stdout: 'nothing of that is in the cache\n', stderr: '' });
    expect(await worker.cli(['remove', 'ash==2.0'])).toMatchObject({ code: 1 });
    expect(await worker.cli(['remove', 'npm:ash'])).toMatchObject({ code: 1 });
    const { code, stdout } = await worker.cli(['remove', 'Ash==1', 'bir*']);
    expect({ code, last: stdout.split('\n').at(-2) }).toEqual({ code: 0, last: '2 removed; pkg-cache clean deletes them' });
    expect(await statuses()).toEqual(['cached cedar==1.0', 'cached some-name==1.0', 'removed ash==1.0', 'removed birch==1.0']);
  });

  it('is chosen by a file', async () => {
    const file = join(world.root, 'requirements.txt');
    writeFileSync(file, '# trees\n-i https://user:secret@example.org/\nCedar[extra] == 1.0 ; python_version > "3"\n');
    expect(await worker.cli(['remove', '-r', file])).toMatchObject({ code: 0, stdout: expect.stringContaining('removed cedar==1.0') });
    expect(await worker.cli(['remove', '-r', join(world.root, 'none.txt')])).toMatchObject({ code: 2, stderr: expect.stringContaining('ENOENT') });
  });

  it('is no hit any more, and is cached anew by the next install', async () => {
    await worker.cli(['remove', 'some-name']);
    const { stdout } = await worker.pip(await world.venv(), ['install', '--dry-run', 'some-name==1.0']);
    expect(stdout).not.toContain('(cached)');
    expect(await worker.cached()).toEqual([]);
  });

  it('is told before it is deleted', async () => {
    const told = await worker.cli(['clean', '--dry-run']);
    expect(told.stdout).toMatch(/^removed +pip +ash==1\.0 .*$/m);
    expect(told.stdout).toMatch(/^would free [\d.]+ k?B: 4 removed$/m);
    expect(await statuses()).toHaveLength(4);
    const done = await worker.cli(['clean', '--quiet']);
    expect(done).toMatchObject({ code: 0, stdout: expect.stringMatching(/^freed [\d.]+ k?B: 4 removed\n$/), stderr: '' });
    expect(await statuses()).toEqual([]);
  });

  it.each([[['remove']], [['remove', '!x']], [['remove', 'a b']], [['status', '--sort', 'colour']], [['config', 'get', 'no_such']]])('is not guessed: %j', async (args) => {
    const { code, stdout, stderr } = await worker.cli(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).not.toMatch(/^ +at /m);
  });
});

it('logs what the background process did', async () => {
  const { stdout } = await worker.cli(['logs', '-n', '3']);
  expect(stdout.split('\n').slice(0, -1)).toHaveLength(3);
  expect(stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\d+ info +(cached|uploaded) \w+==1\.0 \(.+ s, .+ B\)$/m);
  const lines = (await worker.cli(['logs', '--json'])).stdout.split('\n').slice(0, -1);
  expect(lines.map((line) => (JSON.parse(line) as { message: string }).message)).toContain('cached ash==1.0');
});

it('shows and changes settings', async () => {
  const list = await worker.cli(['config'], { env: { PKG_CACHE_MAX_DAYS: '7' } });
  expect(list.stdout).toMatch(/^max_days +7 +PKG_CACHE_MAX_DAYS$/m);
  expect(list.stdout).toMatch(/^link_mode +private +default$/m);
  expect(await worker.cli(['config', 'set', 'max_size', '20G'])).toMatchObject({ code: 0 });
  expect(await worker.cli(['config', 'get', 'max_size'])).toMatchObject({ code: 0, stdout: '20G\n' });
  expect(await worker.cli(['config', 'set', 'max_size', 'big'])).toMatchObject({ code: 2, stderr: expect.stringContaining('big is not a size') });
  expect(await worker.cli(['config', 'set', 'max_size', ''])).toMatchObject({ code: 0 });
  const { stdout } = await worker.cli(['config', '--json']);
  expect((JSON.parse(stdout) as { settings: object[] }).settings).toContainEqual({ key: 'max_size', variable: 'PKG_CACHE_MAX_SIZE', value: '0', source: 'default', default: '0', sources: [] });
  expect(await worker.cli(['config'], { env: { PKG_CACHE_MAX_DAYS: 'x' } })).toMatchObject({ code: 1, stderr: 'pkg-cache: PKG_CACHE_MAX_DAYS: x is not a number of days\n' });
});

it('has colours on a terminal only, and not where they are not wanted', async () => {
  const PATH = [worker.shims, worker.env['PATH']].join(':');
  const onTerminal = async (env: Record<string, string>): Promise<string> => (await run('script', ['-qec', 'pkg-cache doctor', '/dev/null'], { env: { ...worker.env, PATH, TERM: 'xterm', ...env } })).stdout;
  expect(await onTerminal({})).toContain('\u001b[1mtools');
  expect(await onTerminal({ NO_COLOR: '1' })).not.toContain('\u001b[');
  expect((await worker.cli(['doctor'], { env: { TERM: 'xterm' } })).stdout).not.toContain('\u001b[');
});

it('ends quietly when nobody reads on', async () => {
  const PATH = [worker.shims, worker.env['PATH']].join(':');
  expect(await run('sh', ['-c', 'pkg-cache status --help | head -1'], { env: { ...worker.env, PATH } })).toMatchObject({ code: 0, stderr: '' });
});

describe('statistics', () => {
  let own: Worker;

  beforeAll(async () => {
    own = world.worker({ PKG_CACHE_STORE: undefined });
    await own.fill(await world.venv(), ['ash==1.0', 'birch==1.0']);
    await own.pip(await world.venv(), ['install', 'ash==1.0', 'birch==1.0']);
    await own.pip(await world.venv(), ['install', 'ash==1.0', 'cedar==1.0']);
    await own.settle();
    await own.pip(await world.venv(), ['install', '--quiet', 'ash', '-U']);
    await own.pip(await world.venv(), ['--version']);
  });

  it('count every install once, with the reason why something was left to pip', async () => {
    const { stdout } = await own.cli(['stats', '--json']);
    const { days } = JSON.parse(stdout) as { days: object[] };
    expect(days).toMatchObject([{ ecosystem: 'pip', installs: 4, served: 1, local: 3, store: 0, missed: 3, reasons: { 'not cached': 2, options: 1 } }]);
    expect((await own.cli(['stats'])).stdout).toMatch(/^\d{4}-\d\d-\d\d pip +4 +1 +3 +0 +3 /m);
  });

  it('go to a scraper, and into a chart', async () => {
    const { stdout } = await own.cli(['stats', '--prometheus']);
    expect(stdout).toContain('# TYPE pkg_cache_installs_total counter\npkg_cache_installs_total{ecosystem="pip"} 4\n');
    expect(stdout).toContain('pkg_cache_packages_total{ecosystem="pip",from="local"} 3\n');
    const file = join(world.root, 'chart.svg');
    expect(await own.cli(['stats', '--plot', file])).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(readFileSync(file, 'utf8')).toMatch(/^<svg [\s\S]*3 local cache[\s\S]*<\/svg>\n$/);
    const image = join(world.root, 'chart.PNG');
    expect(await own.cli(['stats', '--days', '7', '--plot', image])).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(readFileSync(image).toString('latin1', 0, 8)).toBe('\x89PNG\r\n\x1a\n');
    expect(await own.cli(['stats', '--plot', 'chart.gif'])).toMatchObject({ code: 2, stderr: 'pkg-cache: chart.gif ends neither in .svg nor in .png\n' });
  });

  it('begin afresh', async () => {
    expect((await own.cli(['stats', '--reset'])).code).toBe(0);
    expect(JSON.parse((await own.cli(['stats', '--json'])).stdout)).toMatchObject({ days: [] });
  });
});

describe('explain', () => {
  let own: Worker;

  beforeAll(async () => {
    own = world.worker();
    for (const name of ['dogwood', 'elm']) world.wheel({ name, version: '1.0' });
    await own.fill(await world.venv(), ['dogwood==1.0', 'elm==1.0']);
  });

  const explain = async (args: readonly string[], env: Record<string, string | undefined> = {}, worker = own): Promise<{ code: number | undefined; lines: string[] }> => {
    const { code, stdout, stderr } = await worker.cli(['explain', '--', 'pip', '--python', (await world.venv()).dir, 'install', ...args], { env: { PATH: worker.environment(await world.venv())['PATH'], ...env } });
    expect(stderr).toBe('');
    return { code, lines: stdout.split('\n').slice(0, -1).map((line) => line.replace(/ +/g, ' ')) };
  };

  it('says what is a hit', async () => {
    const { code, lines } = await explain(['dogwood==1.0', 'elm==1.0']);
    expect({ code, lines }).toEqual({
      code: 0,
      lines: ['hit dogwood==1.0 in the local cache, from dogwood-1.0-py3-none-any.whl', 'hit elm==1.0 in the local cache, from elm-1.0-py3-none-any.whl', 'served from the cache: everything is there'],
    });
  });

  it('says what is a miss, what is blocked, what is left to pip, and why', async () => {
    expect(await explain(['dogwood==1.0', 'fir==1.0'])).toMatchObject({ code: 1, lines: [expect.stringMatching(/^hit/), 'miss fir==1.0 neither in the local cache nor in the store', expect.stringContaining('1 of 2 packages is not cached')] });
    expect((await explain(['dogwood==1.0'], { PKG_CACHE_BLOCKED: 'dogwood' })).lines[0]).toBe('miss dogwood==1.0 blocked by the rule dogwood');
    expect((await explain(['dogwood==1.0', 'elm'])).lines).toEqual(['hit dogwood==1.0 in the local cache, from dogwood-1.0-py3-none-any.whl', 'left elm it is not pinned with ==', 'left to the real tool: elm is not pinned']);
    expect((await explain(['-U', 'dogwood==1.0'])).lines.at(-1)).toMatch(/^left to the real tool: /);
  });

  it('looks into the store, and changes nothing', async () => {
    const other = world.worker();
    const { code, lines } = await explain(['dogwood==1.0'], {}, other);
    expect({ code, line: lines[0] }).toEqual({ code: 0, line: 'store dogwood==1.0 in the store, from dogwood-1.0-py3-none-any.whl' });
    expect(await other.rows()).toEqual([]);
    expect(JSON.parse((await other.cli(['stats', '--json'])).stdout)).toMatchObject({ days: [] });
  });

  it('takes what is behind `--`', async () => {
    expect(await own.cli(['explain', '--', 'cargo', 'build'])).toMatchObject({ code: 2, stderr: expect.stringContaining('neither pip nor npm') });
    expect(await own.cli(['explain'])).toMatchObject({ code: 2 });
  });
});

it('finds files that were changed, and does not serve them', async () => {
  const own = world.worker();
  await own.fill(await world.venv(), ['some-name==1.0']);
  expect(await own.cli(['verify'])).toMatchObject({ code: 0, stdout: '1 checked, 0 damaged\n' });
  const [row] = await own.rows();
  const file = join(row!.path, 'tree/purelib/some_name/__init__.py');
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, `${text.slice(0, -1)}#`);
  expect(await own.cli(['verify'])).toMatchObject({ code: 1, stdout: expect.stringMatching(/^damaged some-name==1\.0: .*\n1 checked, 1 damaged\n$/) });
  expect(await own.rows()).toMatchObject([{ status: 'stalled' }]);
});

it('completes commands', async () => {
  expect(await worker.cli(['completion'])).toMatchObject({ code: 0, stdout: expect.stringContaining('complete -o bashdefault') });
  expect((await worker.cli(['--get-yargs-completions', 'pkg-cache', 'st'])).stdout.split('\n')).toContain('status');
});
