import { mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hostIdentity } from '../../src/cache/claim.ts';
import { startGate, type Gate } from '../support/gate-server.ts';
import { installPkgCache } from '../support/install.ts';
import { run } from '../support/run.ts';
import { NpmLab, removeModules } from './support/npm-lab.ts';
import type { Env, Worker } from './support/worker.ts';

const SECRET = 'Pa55w0rd-0f-a-user';
const BASIC = Buffer.from(`user:${SECRET}`).toString('base64');
const COMMANDS = [['status', '--json'], ['logs', '--json'], ['stats', '--json'], ['stats', '--prometheus'], ['config'], ['doctor'], ['store', 'ls', '--json'], ['store', 'du']];

/** The secret as it is, and as other places write it. */
const FORMS = [SECRET, encodeURIComponent(SECRET), Buffer.from(SECRET).toString('base64').replace(/=+$/, ''), BASIC.replace(/=+$/, ''), Buffer.from(SECRET).toString('hex'), 'test-secret-key'];

let lab: NpmLab;
let index: Gate;
let registry: Gate;
let prefix: string;
let made = 0;

beforeAll(async () => {
  lab = await NpmLab.start();
  lab.world.wheel({ name: 'ash', version: '1.0' });
  lab.registry.publish({ name: 'oak', version: '1.0.0' });
  lab.registry.publish({ name: '@scope/elm', version: '1.0.0', manifest: { scripts: { postinstall: 'node -e 0' } } });
  index = await startGate(lab.world.index.url, SECRET);
  registry = await startGate(lab.registry.url, SECRET);
  ({ prefix } = await installPkgCache());
});

afterAll(async () => {
  await index.stop();
  await registry.stop();
  await lab.stop();
});

afterEach(() => rmSync(lab.world.box.home, { recursive: true, force: true }));

/** A worker whose background process does nothing yet, so that what is spooled can be looked at. */
function held(env: Env): { worker: Worker; release: () => void } {
  mkdirSync(lab.world.box.home, { recursive: true });
  // A store of its own, or it would have from there what others have stored.
  const worker = lab.world.worker({ PIP_INDEX_URL: undefined, PKG_CACHE_STORE: `${lab.world.store}-${made++}`, ...env });
  const claim = worker.backgroundClaim;
  mkdirSync(dirname(claim), { recursive: true });
  writeFileSync(claim, JSON.stringify({ pid: process.pid, host: hostIdentity() }));
  return { worker, release: () => unlinkSync(claim) };
}

function files(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).filter((file) => file.isFile()).map((file) => join(file.parentPath, file.name));
}

/** Where the secret is, in names or in what they hold. */
function leaks(directories: readonly string[]): string[] {
  return directories.flatMap(files).filter((path) => FORMS.some((form) => path.includes(form) || readFileSync(path).includes(form)));
}

/** Looks before the background process is at work, and after it, also at what the commands say. */
async function expectNoLeak(worker: Worker, release: () => void): Promise<void> {
  expect(leaks([worker.cache, prefix])).toEqual([]);
  release();
  await worker.settle();
  await worker.cli(['snapshot', '--now']);
  await worker.cli(['sync', '--once']);
  expect(leaks([worker.cache, prefix, lab.world.s3!.data])).toEqual([]);
  for (const command of COMMANDS) {
    const { stdout, stderr } = await worker.cli(command);
    expect(FORMS.filter((form) => `${stdout}${stderr}`.includes(form)), command.join(' ')).toEqual([]);
  }
}

function write(path: string, text: string): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

it('looks for what is there', () => {
  const directory = join(lab.world.root, 'planted');
  for (const form of FORMS) write(join(directory, String(made++), 'file'), `x${form}x`);
  expect(leaks([directory])).toHaveLength(FORMS.length);
});

describe('of an index', () => {
  interface Case {
    readonly args?: readonly string[];
    readonly env?: Env;
    /** Files in the home directory. */
    readonly home?: Readonly<Record<string, string>>;
    /** What pip brings may be cached: no URL says the secret. */
    readonly cached?: boolean;
  }
  const withUser = (): string => `http://user:${SECRET}@${index.host}/simple/`;
  const cases: Record<string, () => Case> = {
    PIP_INDEX_URL: () => ({ env: { PIP_INDEX_URL: withUser() } }),
    PIP_EXTRA_INDEX_URL: () => ({ env: { PIP_INDEX_URL: `http://127.0.0.1:1/simple/`, PIP_EXTRA_INDEX_URL: withUser() } }),
    '--index-url': () => ({ args: ['--index-url', withUser()] }),
    '--extra-index-url': () => ({ args: ['--index-url', lab.world.index.url, '--extra-index-url', withUser()] }),
    '--find-links': () => ({ args: ['--no-index', '--find-links', `http://user:${SECRET}@${index.host}/simple/ash/`] }),
    'the query of --find-links': () => ({ args: ['--no-index', '--find-links', `${lab.world.index.url}ash/?token=${SECRET}`] }),
    'pip.conf': () => ({ home: { '.config/pip/pip.conf': `[global]\nindex-url = ${withUser()}\n` } }),
    'the section install of pip.conf': () => ({ home: { '.config/pip/pip.conf': `[install]\nextra-index-url =\n  ${withUser()}\n[global]\nindex-url = ${lab.world.index.url}\n` } }),
    PIP_CONFIG_FILE: () => ({ env: { PIP_CONFIG_FILE: write(join(lab.world.root, 'pip.conf'), `[global]\nindex-url = ${withUser()}\n`) } }),
    'a requirements file': () => ({ args: ['-r', write(join(lab.world.root, 'requirements.txt'), `--index-url ${withUser()}\nash==1.0\n`)] }),
    'a URL': () => ({ args: ['--no-index', `ash @ http://user:${SECRET}@${index.host}/files/ash-1.0-py3-none-any.whl`] }),
    '.netrc': () => ({ env: { PIP_INDEX_URL: `${index.url}/simple/` }, home: { '.netrc': `machine 127.0.0.1 login user password ${SECRET}\n` }, cached: true }),
    '--proxy': () => ({ args: ['--proxy', `http://user:${SECRET}@${index.host}`, '--index-url', lab.world.index.url], cached: true }),
    PIP_PROXY: () => ({ env: { PIP_PROXY: `http://user:${SECRET}@${index.host}`, PIP_INDEX_URL: lab.world.index.url }, cached: true }),
    // The store would be asked by way of the proxy, too, and this one knows of no store.
    http_proxy: () => ({
      env: { http_proxy: `http://user:${SECRET}@${index.host}`, no_proxy: new URL(lab.world.s3!.url).host, PIP_INDEX_URL: lab.world.index.url },
      cached: true,
    }),
  };

  it.each(Object.keys(cases))('%s', async (name) => {
    const { args = [], env = {}, home = {}, cached = false } = cases[name]!();
    const { worker, release } = held(env);
    for (const [path, text] of Object.entries(home)) write(join(lab.world.box.home, path), text);
    const before = index.counts.in;
    const names = args.some((arg) => arg.includes('ash') && !arg.startsWith('--')) && !args.includes('--find-links') ? [] : ['ash==1.0'];
    const outcome = await worker.pip(await lab.world.venv(), ['install', '-v', '--no-cache-dir', ...args, ...names]);
    expect(outcome).toMatchObject({ code: 0 });
    if (!name.startsWith('the query')) expect(index.counts.in).toBeGreaterThan(before);
    const ours = `${outcome.stdout}${outcome.stderr}`.split('\n').filter((line) => line.startsWith('pkg-cache'));
    expect(ours.filter((line) => line.includes(SECRET))).toEqual([]);
    await expectNoLeak(worker, release);
    expect(await worker.cached()).toEqual(cached ? ['ash==1.0'] : []);
  });
});

describe('of a registry', () => {
  interface Case {
    /** Of the user, and of the project. */
    readonly npmrc?: string;
    readonly projectNpmrc?: string;
    readonly env?: Env;
    readonly lock?: (text: string) => string;
    /** The registry wants no password. */
    readonly open?: boolean;
  }
  const password = Buffer.from(SECRET).toString('base64');
  const cases: Record<string, () => Case> = {
    '_authToken of the user': () => ({ npmrc: `//${registry.host}/:_authToken=${SECRET}\n` }),
    '_authToken of the project': () => ({ projectNpmrc: `registry=${registry.url}/\n//${registry.host}/:_authToken=${SECRET}\n` }),
    '_authToken out of the environment': () => ({ npmrc: `//${registry.host}/:_authToken=\${TOKEN}\n`, env: { TOKEN: SECRET } }),
    '_auth, always-auth': () => ({ npmrc: `//${registry.host}/:_auth=${BASIC}\n//${registry.host}/:always-auth=true\n` }),
    'username and _password': () => ({ npmrc: `//${registry.host}/:username=user\n//${registry.host}/:_password=${password}\n` }),
    npm_config_userconfig: () => ({ env: { npm_config_userconfig: write(join(lab.world.root, 'npmrc'), `//${registry.host}/:_authToken=${SECRET}\n`) } }),
    // npm does not give it to the registry, which must be an open one.
    'npm_config_registry with a user': () => ({ open: true, env: { npm_config_registry: `http://user:${SECRET}@${new URL(lab.registry.url).host}/` } }),
    'a scope': () => ({ npmrc: `@scope:registry=${registry.url}/\n//${registry.host}/:_authToken=${SECRET}\n` }),
    'a proxy': () => ({ env: { npm_config_registry: lab.registry.url, npm_config_proxy: `http://user:${SECRET}@${registry.host}/`, npm_config_https_proxy: `http://user:${SECRET}@${registry.host}/`, npm_config_noproxy: '' } }),
    'URLs in the lockfile': () => ({ npmrc: `//${registry.host}/:_auth=${BASIC}\n`, lock: (text) => text.replaceAll(`http://${registry.host}/`, `http://user:${SECRET}@${registry.host}/`) }),
  };

  it.each(Object.keys(cases))('%s', async (name) => {
    const { npmrc, projectNpmrc, env = {}, lock = (text: string) => text, open = false } = cases[name]!();
    const { worker, release } = held({ PIP_INDEX_URL: lab.world.index.url });
    const project = await lab.project({ dependencies: { oak: '1.0.0', '@scope/elm': '1.0.0' } });
    const path = join(project, 'package-lock.json');
    if (name !== 'a proxy' && !open) writeFileSync(path, lock(readFileSync(path, 'utf8').replaceAll(new URL(lab.registry.url).host, registry.host)));
    if (npmrc !== undefined) write(join(lab.world.box.home, '.npmrc'), npmrc);
    if (projectNpmrc !== undefined) write(join(project, '.npmrc'), projectNpmrc);
    const before = registry.counts.in;
    const settings = { npm_config_registry: `${registry.url}/`, npm_config_cache: join(lab.world.root, `npm-${made++}`), ...env };
    const outcome = await lab.npm(worker, project, ['ci', '--loglevel=verbose'], settings);
    expect(outcome, `${outcome.stdout}${outcome.stderr}`).toMatchObject({ code: 0 });
    if (!open) expect(registry.counts.in).toBeGreaterThan(before);
    await expectNoLeak(worker, release);
    // The second time something of ours is at work, and it must not tell either.
    removeModules(project);
    expect(await lab.npm(worker, project, ['ci'], settings)).toMatchObject({ code: 0 });
    await worker.settle();
    expect(leaks([worker.cache, lab.world.s3!.data])).toEqual([]);
  });
});

it('of a store', async () => {
  const { worker, release } = held({ PIP_INDEX_URL: lab.world.index.url });
  await worker.pip(await lab.world.venv(), ['install', 'ash==1.0']);
  // One whose location says more than it should is refused, and not repeated.
  const { stdout, stderr } = await worker.cli(['store', 'ls'], { env: { PKG_CACHE_STORE: `s3://user:${SECRET}@bucket/prefix` } });
  expect(`${stdout}${stderr}`).not.toContain(SECRET);
  await expectNoLeak(worker, release);
  expect((await run('grep', ['-r', 'test-secret-key', worker.cache])).stdout).toBe('');
});

describe('of a setting', () => {
  const WRONG = [`s3://AKIA:a/${SECRET}@bucket`, `s3://bucket/prefix?X-Amz-Security-Token=${SECRET}`];

  it.each(WRONG.map((location) => [location.replace(SECRET, '…'), location] as const))('a store at %s is refused, and never shown', async (_shown, location) => {
    const { worker, release } = held({ PKG_CACHE_STORE: location });
    const commands = [...COMMANDS, ['config', '--json'], ['config', 'get', 'store'], ['config', 'set', 'store', location], ['doctor', '--json'], ['status'], ['flush'], ['explain', '--', 'pip', 'install', 'ash==1.0']];
    const venv = await lab.world.venv();
    const outcomes = [await worker.pip(venv, ['install', '-v', 'ash==1.0', '--index-url', lab.world.index.url])];
    for (const command of commands) outcomes.push(await worker.cli(command));
    for (const { stdout, stderr } of outcomes) expect(`${stdout}${stderr}`).not.toContain(SECRET);
    expect(outcomes[0]).toMatchObject({ code: 0, stderr: expect.stringContaining('PKG_CACHE_STORE: the store is neither') });
    release();
    expect(leaks([lab.world.box.home])).toEqual([]);
  });

  it('rules about an index whose URL has a password are shown without it', async () => {
    const { worker, release } = held({ PKG_CACHE_BLOCKED: `good, https://user:${SECRET}@index.example/simple !http://${SECRET}@` });
    for (const command of [['config'], ['config', '--json'], ['config', 'get', 'blocked'], ['doctor'], ['doctor', '--json']]) {
      const { stdout, stderr } = await worker.cli(command);
      expect(`${stdout}${stderr}`).not.toContain(SECRET);
      expect(stdout).toContain('good, https://index.example/simple (not shown)');
    }
    release();
  });
});
