import { rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NpmLab } from './support/npm-lab.ts';
import type { Env, Worker } from './support/worker.ts';
import type { Venv } from '../support/venv.ts';

interface Row {
  readonly package: string;
  readonly version: string;
  readonly index?: string;
  readonly archive?: string;
  readonly entry?: string;
  readonly changed: boolean;
}

let lab: NpmLab;
let worker: Worker;
let venv: Venv;
let project: string;

beforeAll(async () => {
  lab = await NpmLab.start();
  lab.world.wheel({ name: 'Some.Ash', version: '1.0' });
  lab.world.wheel({ name: 'birch', version: '1.0' });
  lab.registry.publish({ name: '@scope/elm', version: '1.0.0' });
  project = await lab.project({ dependencies: { '@scope/elm': '1.0.0' } });
  worker = await lab.filled(project);
  await worker.fill(await lab.world.venv(), ['some-ash==1.0', 'birch==1.0']);
  venv = await lab.world.venv();
  // Another pip than ours has filled it: what counts is what lies there.
  expect(await lab.world.realPip(venv, ['install', 'some-ash==1.0', 'birch==1.0'])).toMatchObject({ code: 0 });
}, 180_000);

afterAll(async () => await lab.stop());

async function look(args: readonly string[], options: { cwd?: string; env?: Env } = {}): Promise<{ title: string; rows: Row[] }> {
  const { code, stdout, stderr } = await worker.cli(['env', '--json', ...args], options);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as { title: string; rows: Row[] };
}

it('shows where the packages of a virtual environment come from, and which are cached', async () => {
  const { title, rows } = await look([venv.dir]);
  expect(title).toMatch(new RegExp(`^${venv.dir}: Python 3\\.`));
  const index = lab.world.index.url.replace(/\/$/, '');
  expect(rows.find((row) => row.package === 'some-ash')).toMatchObject({ version: '1.0', index, archive: 'Some_Ash-1.0-py3-none-any.whl', entry: expect.stringContaining(worker.cache), changed: false });
  expect(rows.find((row) => row.package === 'pip')).not.toHaveProperty('entry');
  expect((await look(['--python', venv.python])).rows).toEqual(rows);
  expect((await look([], { env: { VIRTUAL_ENV: venv.dir } })).rows).toEqual(rows);
  expect((await look([venv.sitePackages])).rows.map((row) => row.entry)).toEqual(rows.map((row) => row.entry));
  const { stdout } = await worker.cli(['env', venv.dir]);
  expect(stdout).toMatch(/^some-ash==1\.0 +http:\S+ +\S+\.whl +\(cached\)$/m);
  expect(stdout).toMatch(/^pip==[\d.]+ +- +-$/m);
});

it('knows the index that an entry came from, whatever is in use now, and never shows a credential', async () => {
  const other = await look([venv.dir], { env: { PIP_INDEX_URL: 'http://user:secret@example.org/simple' } });
  expect(other.rows.find((row) => row.package === 'birch')!.index).toBe(lab.world.index.url.replace(/\/$/, ''));
  // What a store has brought, from an index that this worker does not know.
  const stranger = lab.world.worker({ PIP_INDEX_URL: 'http://user:secret@example.org/simple' });
  await stranger.cli(['sync', '--once']);
  const { rows } = JSON.parse((await stranger.cli(['env', '--json', venv.dir])).stdout) as { rows: Row[] };
  expect(rows.find((row) => row.package === 'birch')!.index).toMatch(/^origin [0-9a-f]{16}$/);
  expect(JSON.stringify(other)).not.toContain('secret');
});

it('sees what has changed since, and does not guess', async () => {
  const changed = await lab.world.venv();
  await lab.world.realPip(changed, ['install', 'some-ash==1.0', 'birch==1.0']);
  writeFileSync(join(changed.sitePackages, 'birch/__init__.py'), '# more than there was, by far, and something else as well\n');
  rmSync(join(changed.sitePackages, 'Some_Ash-1.0.dist-info/RECORD'));
  const { rows } = await look([changed.dir]);
  expect(rows.find((row) => row.package === 'birch')).toMatchObject({ changed: true, entry: expect.any(String) });
  // Without RECORD nobody can say whose files these are.
  expect(rows.find((row) => row.package === 'some-ash')).not.toHaveProperty('entry');
});

it('shows what is in node_modules', async () => {
  expect(await lab.npm(worker, project, ['ci'])).toMatchObject({ code: 0 });
  for (const { rows } of [await look([project]), await look([], { cwd: project }), await look([join(project, 'node_modules')])]) {
    expect(rows).toMatchObject([{ package: '@scope/elm', version: '1.0.0', index: lab.registry.url.replace(/\/$/, ''), archive: 'elm-1.0.0.tgz', entry: expect.any(String), changed: false }]);
  }
  expect((await worker.cli(['env', project])).stdout).toMatch(/, 1 package, 1 of them cached\npackage +registry +archive\n@scope\/elm@1\.0\.0 .*elm-1\.0\.0\.tgz {2}\(cached\)\n$/);
});

it('finds an interpreter by its name, and says what is none', async () => {
  expect((await look(['--python', 'python'], { env: { PATH: [worker.shims, venv.bin, worker.env['PATH']].join(delimiter) } })).title).toContain(venv.dir);
  for (const args of [['/'], ['/no/such'], ['--python', '/bin/sh'], ['--python', 'no-such-python']]) expect(await worker.cli(['env', ...args]), args.join(' ')).toMatchObject({ code: 2, stdout: '' });
});
