import { existsSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../support/run.ts';
import { NpmLab, removeModules, removeTreeCopies, said } from './support/npm-lab.ts';
import { treeOf } from './support/tree.ts';
import type { Env, Worker } from './support/worker.ts';

let lab: NpmLab;
/** Where scripts say that they have been run. */
let diary: string;

/** A script in JavaScript, for package.json. */
function js(code: string): string {
  return `node -e "${code.replaceAll('"', "'")}"`;
}

/** Notes that the script was run, outside of everything that anybody looks at. */
const NOTE = `require('fs').appendFileSync(process.env.DIARY, process.env.npm_package_name + ' ' + process.env.npm_lifecycle_event + '\\n');`;

beforeAll(async () => {
  lab = await NpmLab.start();
  diary = join(lab.world.root, 'diary');
  const { registry } = lab;
  registry.publish({ name: 'leaf', version: '1.0.0' });
  registry.publish({
    name: 'builds',
    version: '1.0.0',
    manifest: {
      dependencies: { leaf: '1.0.0' },
      bin: 'made.js',
      scripts: { install: js(`${NOTE} require('fs').mkdirSync('out/empty', {recursive: true}); require('fs').writeFileSync('out/run', require('leaf'), {mode: 0o777}); require('fs').symlinkSync('run', 'out/link')`), postinstall: js(`${NOTE} require('fs').writeFileSync('made.js', '#!/usr/bin/env node\\n'); require('fs').rmSync('index.js')`) },
    },
  });
  registry.publish({ name: '@scope/builds', version: '1.0.0', manifest: { scripts: { install: js(`${NOTE} require('fs').writeFileSync('made', '')`) } } });
  const writes = (where: string): Readonly<Record<string, unknown>> => ({ scripts: { postinstall: js(`${NOTE} require('fs').writeFileSync(${where}, '')`) } });
  registry.publish({ name: 'writes-sibling', version: '1.0.0', manifest: { dependencies: { leaf: '1.0.0' }, ...writes(`'../leaf/more.js'`) } });
  registry.publish({ name: 'writes-home', version: '1.0.0', manifest: writes(`process.env.HOME + '/.written'`) });
  registry.publish({ name: 'writes-project', version: '1.0.0', manifest: writes(`process.env.INIT_CWD + '/written'`) });
  registry.publish({ name: 'intrudes', version: '1.0.0', manifest: { dependencies: { builds: '1.0.0' }, scripts: { postinstall: js(`setTimeout(() => require('fs').writeFileSync('../builds/theirs', ''), 2000)`) } } });
  registry.publish({ name: 'makes-bin', version: '1.0.0', manifest: { bin: 'index.js', ...writes(`'../.bin/more'`) } });
  registry.publish({ name: 'links-out', version: '1.0.0', manifest: { scripts: { postinstall: js(`${NOTE} require('fs').symlinkSync('/usr/bin/env', 'env')`) } } });
  registry.publish({ name: 'goes-on', version: '1.0.0', manifest: { scripts: { postinstall: js(`${NOTE} require('child_process').spawn('sh', ['-c', 'while ! test -e $DIARY.go; do sleep 0.1; done; echo > late'], {detached: true, stdio: 'ignore'}).unref()`) } } });
  registry.publish({ name: 'fails', version: '1.0.0', manifest: { scripts: { postinstall: js(`${NOTE} process.exit(3)`) } } });
}, 300_000);

afterAll(() => lab.stop());

function npm(worker: Worker, directory: string, args: readonly string[] = ['ci'], more: Env = {}): Promise<Outcome> {
  return lab.npm(worker, directory, args, { DIARY: diary, ...more });
}

async function filled(directory: string): Promise<Worker> {
  const worker = lab.world.worker();
  expect(await npm(worker, directory)).toMatchObject({ code: 0 });
  await worker.settle();
  removeModules(directory);
  rmSync(`${worker.cache}.npm`, { recursive: true, force: true });
  return worker;
}

async function reference(directory: string, args: readonly string[] = ['ci']): Promise<{ outcome: Outcome; tree: ReturnType<typeof treeOf> }> {
  const outcome = await lab.realNpm(directory, args, { DIARY: diary });
  const tree = treeOf(directory);
  removeModules(directory);
  return { outcome, tree };
}

/** What scripts have noted since this was last asked. */
function noted(): string[] {
  const lines = existsSync(diary) ? readFileSync(diary, 'utf8').split('\n').slice(0, -1) : [];
  rmSync(diary, { force: true });
  return lines;
}

describe('a package whose install scripts keep to it', () => {
  it('is served as they have left it, with the words of npm, from cache and store', async () => {
    const directory = await lab.project({ dependencies: { builds: '1.0.0' } });
    const { outcome, tree } = await reference(directory);
    expect(Object.keys(tree)).toEqual(expect.arrayContaining(['node_modules/builds/out/empty', 'node_modules/builds/out/link', 'node_modules/builds/made.js']));
    const first = await filled(directory);
    expect(noted()).toEqual(['builds install', 'builds postinstall', 'builds install', 'builds postinstall']);
    for (const worker of [first, lab.world.worker()]) {
      const hit = await lab.withoutRegistry(() => npm(worker, directory));
      expect(hit).toMatchObject({ code: 0, stderr: outcome.stderr });
      expect(hit.stdout).toContain(worker === first ? 'from the cache' : 'from the store');
      expect(said(hit)).toBe(said(outcome));
      expect(treeOf(directory)).toEqual(tree);
      expect(noted()).toEqual([]);
      removeModules(directory);
    }
  });

  it('is served from the store under a name with a scope, and beside a workspace with bins', async () => {
    const files = { 'packages/one/package.json': JSON.stringify({ name: 'one', version: '1.0.0', bin: 'cli.js', dependencies: { '@scope/builds': '1.0.0' } }), 'packages/one/cli.js': '#!/usr/bin/env node\n' };
    const directory = await lab.project({ workspaces: ['packages/*'] }, files);
    const { tree } = await reference(directory);
    await filled(directory);
    noted();
    const hit = await lab.withoutRegistry(() => npm(lab.world.worker(), directory));
    expect({ code: hit.code, noted: noted() }).toEqual({ code: 0, noted: [] });
    expect(treeOf(directory)).toEqual(tree);
  });

  it('is built anew where a variable is meant for it', async () => {
    const directory = await lab.project({ dependencies: { builds: '1.0.0' }, description: 'variables' });
    const worker = await filled(directory);
    noted();
    await npm(worker, directory, ['ci'], { BUILDS_FLAVOUR: 'mint', CI_JOB: '1' });
    expect(noted()).toEqual(['builds install', 'builds postinstall']);
    await npm(worker, directory, ['ci'], { CI_JOB: '2' });
    expect(noted()).toEqual([]);
  });

  it('is in a copy that was made in advance, which is not used where a variable is meant for it', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `part-${i}`);
    for (const name of names) lab.registry.publish({ name, version: '1.0.0' });
    const directory = await lab.project({ dependencies: Object.fromEntries([...names, 'builds'].map((name) => [name, '1.0.0'])) });
    const { tree } = await reference(directory);
    const worker = await filled(directory);
    for (const round of ['copied', 'renamed', 'renamed package by package']) {
      if (round.endsWith('package')) removeTreeCopies(worker);
      const { stdout } = await npm(worker, directory);
      expect({ round, served: stdout.includes('22 from the cache'), tree: treeOf(directory) }).toEqual({ round, served: true, tree });
      await worker.settle();
    }
    noted();
    await npm(worker, directory, ['ci'], { BUILDS_FLAVOUR: 'sour' });
    expect(noted()).toEqual(['builds install', 'builds postinstall']);
    expect(treeOf(directory)).toEqual(tree);
  });

  it('is spared its scripts in a project that was never seen, by an npm that does the rest', async () => {
    const worker = await filled(await lab.project({ dependencies: { builds: '1.0.0' }, description: 'seen' }));
    const directory = await lab.project({ dependencies: { builds: '1.0.0' }, description: 'never seen' });
    const { outcome, tree } = await reference(directory);
    noted();
    const served = await lab.withoutRegistry(() => npm(worker, directory));
    expect(served).toMatchObject({ code: 0, stderr: outcome.stderr });
    expect(said(served)).toBe(said(outcome));
    expect(treeOf(directory)).toEqual(tree);
    expect(noted()).toEqual([]);
  });

  it('has its scripts run, and shown, with --foreground-scripts', async () => {
    const directory = await lab.project({ dependencies: { builds: '1.0.0' }, description: 'foreground' });
    const worker = await filled(directory);
    noted();
    for (const time of ['first', 'second']) {
      const { stdout } = await npm(worker, directory, ['ci', '--foreground-scripts']);
      expect({ time, stdout }).toMatchObject({ time, stdout: expect.stringContaining('> builds@1.0.0 postinstall') as string });
      expect(noted()).toEqual(['builds install', 'builds postinstall']);
      await worker.settle();
    }
  });
});

describe('scripts that do more', () => {
  it.each([['writes-sibling', 'node_modules/leaf/more.js'], ['writes-home', '.written'], ['writes-project', 'written'], ['makes-bin', '.bin/more']])('%s is run by npm every time', async (name, written) => {
    const directory = await lab.project({ dependencies: { [name]: '1.0.0' } });
    const { tree } = await reference(directory);
    const worker = await filled(directory);
    noted();
    expect(await npm(worker, directory)).toMatchObject({ code: 0 });
    expect(noted()).toEqual([`${name} postinstall`]);
    expect(treeOf(directory)).toEqual(tree);
    expect((await worker.cli(['logs'])).stdout).toMatch(new RegExp(`while install scripts ran, \\S*${written.replace('.', '\\.')} was written`));
  });

  it.each([['goes-on', 'a process is still at work in it'], ['links-out', 'env is a link to /usr/bin/env']])('%s is run by npm every time: %s', async (name, why) => {
    const directory = await lab.project({ dependencies: { [name]: '1.0.0' } });
    const worker = await filled(directory);
    noted();
    expect(await npm(worker, directory)).toMatchObject({ code: 0 });
    writeFileSync(`${diary}.go`, ''); // what was left behind may end now
    expect(noted()).toEqual([`${name} postinstall`]);
    expect((await worker.cli(['logs'])).stdout).toContain(why);
  });

  it('and one that writes into another one that has scripts: that one is as it should be elsewhere', async () => {
    const worker = await filled(await lab.project({ dependencies: { intrudes: '1.0.0' } }));
    const directory = await lab.project({ dependencies: { builds: '1.0.0' }, description: 'not intruded upon' });
    const { tree } = await reference(directory);
    expect(await npm(worker, directory)).toMatchObject({ code: 0 });
    expect(treeOf(directory)).toEqual(tree);
  });

  it('and one that fails: its words, its status, and nothing is served afterwards', async () => {
    const directory = await lab.project({ dependencies: { fails: '1.0.0', leaf: '1.0.0' } });
    const { outcome, tree } = await reference(directory);
    const worker = lab.world.worker();
    const plain = (text: string): string => text.replace(/^npm error A complete log.*\n/m, '');
    for (const time of ['first', 'second']) {
      const failed = await npm(worker, directory);
      expect({ time, code: failed.code, stderr: plain(failed.stderr) }).toEqual({ time, code: outcome.code, stderr: plain(outcome.stderr) });
      expect(treeOf(directory)).toEqual(tree);
      await worker.settle();
    }
  });

  it('of an optional package, which npm then leaves out', async () => {
    const directory = await lab.project({ dependencies: { leaf: '1.0.0' }, optionalDependencies: { fails: '1.0.0' } });
    const { tree } = await reference(directory);
    const worker = await filled(directory);
    expect(await npm(worker, directory)).toMatchObject({ code: 0 });
    expect(treeOf(directory)).toEqual(tree);
  });
});

describe('a project with scripts of its own', () => {
  const dump = js(`require('fs').writeFileSync(process.env.npm_lifecycle_event + '.json', JSON.stringify([process.env, process.argv0, process.ppid > 1]))`);

  it('has them run by npm, in their order and environment, after its packages came from the cache', async () => {
    const directory = await lab.project({ dependencies: { builds: '1.0.0' }, scripts: { preinstall: dump, postinstall: dump, prepare: `${dump} && echo prepared` } });
    const { outcome } = await reference(directory);
    const seen = (): unknown[] => ['preinstall', 'postinstall', 'prepare'].map((event) => withoutPlaces(readFileSync(join(directory, `${event}.json`), 'utf8')));
    const expected = seen();
    const worker = await filled(directory);
    for (const event of ['preinstall', 'postinstall', 'prepare']) rmSync(join(directory, `${event}.json`));
    noted();
    const served = await lab.withoutRegistry(() => npm(worker, directory));
    expect(served).toMatchObject({ code: 0, stderr: outcome.stderr });
    expect(said(served)).toBe(said(outcome));
    expect(seen()).toEqual(expected);
    expect(noted()).toEqual([]);
  });

  /** An environment, but for what names a worker, its cache, or a process. */
  function withoutPlaces(text: string): unknown {
    const [env, ...rest] = JSON.parse(text) as [Record<string, string>, ...unknown[]];
    return [Object.entries(env).filter(([name]) => !/^(?:PATH|PKG_CACHE_\w+|npm_config_cache|_|OLDPWD|SHLVL|(?:AWS|PIP)_\w+)$/.test(name)).sort(), ...rest];
  }
});

it('--json is npm’s own', async () => {
  const directory = await lab.project({ dependencies: { builds: '1.0.0' }, description: 'json' });
  const { outcome } = await reference(directory, ['ci', '--json']);
  const worker = await filled(directory);
  const served = await lab.withoutRegistry(() => npm(worker, directory, ['ci', '--json']));
  expect(served).toMatchObject({ code: 0, stderr: outcome.stderr, stdout: outcome.stdout });
});

const INCLUDE = join(dirname(dirname(realpathSync(process.execPath))), 'include/node');

it.skipIf(!existsSync(join(INCLUDE, 'node_api.h')))(`a native addon is built once, by node-gyp, and served on the second worker (needs Node's headers in ${INCLUDE})`, async () => {
  lab.registry.publish({
    name: 'addon',
    version: '1.0.0',
    files: {
      'binding.gyp': JSON.stringify({ targets: [{ target_name: 'addon', sources: ['addon.c'] }] }),
      'addon.c': '#include <node_api.h>\nstatic napi_value init(napi_env env, napi_value exports) { napi_value answer; napi_create_int32(env, 42, &answer); return answer; }\nNAPI_MODULE(addon, init)\n',
      'index.js': "module.exports = require('./build/Release/addon.node');\n",
    },
    manifest: { gypfile: true, scripts: { install: `${js(NOTE)} && node-gyp rebuild` } },
  });
  const directory = await lab.project({ dependencies: { addon: '1.0.0' } });
  const nodedir = { npm_config_nodedir: dirname(dirname(INCLUDE)) };
  const first = lab.world.worker();
  expect(await npm(first, directory, ['ci'], nodedir)).toMatchObject({ code: 0 });
  const tree = treeOf(join(directory, 'node_modules'));
  await first.settle();
  removeModules(directory);
  noted();
  const second = lab.world.worker();
  const served = await lab.withoutRegistry(() => npm(second, directory, ['ci'], nodedir));
  expect(served).toMatchObject({ code: 0 });
  expect(served.stdout).toContain('from the store');
  expect(treeOf(join(directory, 'node_modules'))).toEqual(tree);
  expect(noted()).toEqual([]);
  const used = await lab.realNpm(directory, ['exec', '-c', 'node -p "require(\'addon\')"']);
  expect(used.stdout.trim()).toBe('42');
});
