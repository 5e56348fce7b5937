import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/hash.ts';
import { run } from '../support/run.ts';
import { NpmLab } from './support/npm-lab.ts';
import type { Worker } from './support/worker.ts';
import type { Venv } from '../support/venv.ts';

/** A user who is neither root nor the owner of anything here. */
const SOMEBODY = ['--reuid', '1000', '--regid', '1000', '--clear-groups'];

const canBeSomebody = (await run('setpriv', [...SOMEBODY, process.execPath, '--version']).catch(() => undefined))?.code === 0;

let lab: NpmLab;
let shared: string;

beforeAll(async () => {
  lab = await NpmLab.start();
  lab.world.wheel({ name: 'ash', version: '1.0' });
  lab.registry.publish({ name: 'plain', version: '1.0.0', files: { 'index.js': '' } });
  shared = realpathSync(mkdtempSync(join(tmpdir(), 'pkg-cache-shared-')));
  chmodSync(shared, 0o1777);
});

afterAll(async () => {
  await lab.stop();
  rmSync(shared, { recursive: true, force: true });
});

/** What an install of ours that was killed would have left beside `target`, as it was named once; it says that `precious` is to be removed. */
function planted(target: string, precious: string): { name: string; journal: string } {
  const steps = [{ create: precious }, { aside: `${precious}.moved`, stored: precious }];
  return { name: `.pkg-cache-${sha256(target).slice(0, 16)}-1-00000000`, journal: steps.map((step) => `${JSON.stringify(step)}\n`).join('') };
}

function precious(): string {
  const path = join(mkdtempSync(join(lab.world.root, 'precious-')), 'file');
  writeFileSync(path, 'precious');
  return path;
}

describe.skipIf(!canBeSomebody)('where others may write (needs root, and setpriv)', () => {
  let worker: Worker;
  let venv: Venv;

  beforeAll(async () => {
    worker = lab.world.worker({ PKG_CACHE_STORE: undefined });
    venv = await lab.world.venv();
    await worker.fill(venv, ['ash==1.0']);
  });

  it.each(['that is not there yet', 'that is there'])('what another user has put beside a target %s, or into it, steers nothing', async (state) => {
    const file = precious();
    const target = join(shared, sha256(state).slice(0, 8));
    const { name, journal } = planted(target, file);
    const parent = state === 'that is there' ? target : shared;
    if (state === 'that is there') {
      mkdirSync(target);
      chmodSync(target, 0o1777);
    }
    const script = `mkdir "$0/${name}" && printf %s '${journal}' > "$0/${name}/journal"`;
    expect(await run('setpriv', [...SOMEBODY, 'sh', '-c', script, parent], { cwd: '/' })).toMatchObject({ code: 0 });
    const { code, stdout } = await worker.pip(venv, ['install', '--target', target, 'ash==1.0']);
    // Where there is something in a target already, the real pip does it.
    expect({ code, served: stdout.includes('(cached)') }).toEqual({ code: 0, served: parent === shared });
    expect(readFileSync(file, 'utf8')).toBe('precious');
    expect(existsSync(join(parent, name, 'journal'))).toBe(true);
    expect(existsSync(join(target, 'ash/__init__.py'))).toBe(true);
  });
});

it.each(['the first install', 'one that is served'])('what a checkout brings along steers nothing: %s', async (which) => {
  const directory = await lab.project({ dependencies: { plain: '1.0.0' } });
  const worker = which === 'one that is served' ? await lab.filled(directory, { PKG_CACHE_STORE: undefined }, ['ci', '--ignore-scripts']) : lab.world.worker({ PKG_CACHE_STORE: undefined });
  const file = precious();
  const { name, journal } = planted(join(directory, 'node_modules'), file);
  mkdirSync(join(directory, name));
  writeFileSync(join(directory, name, 'journal'), journal);
  expect(await lab.npm(worker, directory, ['ci', '--ignore-scripts'])).toMatchObject({ code: 0 });
  expect(readFileSync(file, 'utf8')).toBe('precious');
  expect(existsSync(join(directory, name, 'journal'))).toBe(true);
  expect(existsSync(join(directory, 'node_modules/plain/index.js'))).toBe(true);
});
