import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../support/run.ts';
import { makeSdist } from '../support/sdist.ts';
import { NpmLab } from './support/npm-lab.ts';
import { served } from './support/offline.ts';
import type { Env, Worker } from './support/worker.ts';

// What the caller has open, or has set for Node, is none of our processes'.

let lab: NpmLab;

beforeAll(async () => {
  lab = await NpmLab.start();
  lab.world.wheel({ name: 'ash', version: '1' });
  lab.world.wheel({ name: 'birch', version: '1' });
  lab.registry.publish({ name: 'oak', version: '1.0.0' });
});

afterAll(async () => await lab.stop());

const hasFlock = spawnSync('flock', ['--version']).status === 0 && spawnSync('bash', ['--version']).status === 0;

describe.skipIf(!hasFlock)('a lock that the caller holds (flock) is free when the command has ended', () => {
  /** Runs a command that holds locks by several descriptors, and says which are taken afterwards. */
  const SCRIPT = `
    fds="10 16 17 25 200"
    for fd in $fds; do eval "exec $fd>\\$1/lock-$fd"; flock $fd; done
    shift_dir=$1; shift; "$@" >&2; code=$?
    for fd in $fds; do eval "exec $fd>&-"; flock -n "$shift_dir/lock-$fd" true || echo "$fd is taken"; done
    exit $code`;
  const withLocks = async (directory: string, command: readonly string[], env: Env, cwd: string) => {
    mkdirSync(directory);
    return await run('bash', ['-c', SCRIPT, 'bash', directory, ...command], { env, cwd });
  };

  it('pip', async () => {
    const [worker, venv] = [lab.world.worker(), await lab.world.venv()];
    const first = await withLocks(join(lab.world.root, 'locks-1'), ['pip', 'install', 'ash==1'], worker.environment(venv), '/');
    expect(first).toMatchObject({ code: 0, stdout: '' });
    await worker.settle();
    const again = await lab.world.venv();
    const hit = await withLocks(join(lab.world.root, 'locks-2'), ['pip', 'install', 'ash==1'], worker.environment(again), '/');
    expect(hit).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('(cached)') });
    await worker.settle();
    expect(await worker.cached()).toEqual(['ash==1']);
  });

  it('npm', async () => {
    const worker = lab.world.worker();
    const project = await lab.project({ dependencies: { oak: '1.0.0' } });
    const outcome = await withLocks(join(lab.world.root, 'locks-3'), ['npm', 'ci'], lab.environmentOf(worker), project);
    expect(outcome).toMatchObject({ code: 0, stdout: '' });
    await worker.settle();
  });
});

describe('what the caller has set for Node', () => {
  const wishes = (name: string): Record<string, string> => ({
    NODE_OPTIONS: '--trace-warnings --trace-uncaught',
    NODE_V8_COVERAGE: join(lab.world.root, name),
    NODE_DEBUG: 'fs,module,net,http,child_process',
    NODE_EXTRA_CA_CERTS: '/no/such/file',
    NODE_TLS_REJECT_UNAUTHORIZED: '0',
  });

  it('is nothing that an install shows, or leaves behind', async () => {
    const worker = lab.world.worker();
    const pip = async (at: Worker) => await at.pip(await lab.world.venv(), ['install', 'ash==1'], { env: wishes('coverage') });
    expect(await pip(worker)).toMatchObject({ code: 0, stderr: '' });
    await worker.settle();
    const hit = await pip(worker);
    expect({ ...hit, served: served(hit.stdout) }).toMatchObject({ code: 0, stderr: '', served: ['ash==1'] });
    expect(await worker.cli(['status'], { env: wishes('coverage') })).toMatchObject({ code: 0, stderr: '' });
    await worker.settle();
    expect(existsSync(join(lab.world.root, 'coverage'))).toBe(false);
  });

  it('is the tool’s, also of one that we run', async () => {
    const [worker, venv] = [lab.world.worker({ PKG_CACHE_SYNCHRONOUS: 'on' }), await lab.world.venv()];
    const here = join(venv.dir, 'here');
    mkdirSync(here);
    writeFileSync(join(here, 'sitecustomize.py'), 'import os, sys; print("SEEN", sorted((n, v) for n, v in os.environ.items() if n.startswith("NODE_") or "CALLERS" in n), file=sys.stderr)\n');
    const env = { ...wishes('coverage-2'), PYTHONPATH: here };
    const seen = (text: string): string[] => text.split('\n').filter((line) => line.startsWith('SEEN'));
    const real = await lab.world.realPip(venv, ['install', 'birch==1'], { env });
    const ours = await worker.pip(await lab.world.venv(), ['install', 'birch==1'], { env });
    expect(seen(ours.stderr)).toEqual(seen(real.stderr));
    expect(seen(ours.stderr)[0]).toContain('--trace-uncaught');
  });

  it('is what scripts of npm see', async () => {
    const worker = lab.world.worker();
    const project = await lab.project({ dependencies: { oak: '1.0.0' }, scripts: { postinstall: 'echo "$NODE_OPTIONS $NODE_PATH" > seen' } });
    const env = { NODE_OPTIONS: '--no-deprecation', NODE_PATH: '/a path' };
    const outcome = await run('sh', ['-c', 'npm ci >/dev/null && cat seen'], { cwd: project, env: { ...lab.environmentOf(worker), ...env } });
    expect(outcome).toMatchObject({ code: 0, stdout: '--no-deprecation /a path\n' });
    await worker.settle();
  });
});


describe('the line by which our process tells the shim what to do', () => {
  // As soon as any Python of the environment starts: pip, an interpreter that is asked, what a build runs.
  const WRITES = `import os; exec("try:\\n os.write(3, b'exit 77')\\nexcept OSError: pass")\n`;

  it('is out of reach for what that runs', async () => {
    const worker = lab.world.worker();
    await worker.fill(await lab.world.venv(), ['ash==1']);
    const venv = await lab.world.venv();
    writeFileSync(join(venv.sitePackages, 'writes.pth'), WRITES);
    const wouldSay = await run('sh', ['-c', `"$0" -c pass 3>&1`, venv.python], { cwd: '/', env: worker.environment(venv) });
    expect(wouldSay).toMatchObject({ code: 0, stdout: expect.stringContaining('exit 77') });
    const hit = await worker.pip(venv, ['install', 'ash==1']);
    expect({ ...hit, served: served(hit.stdout) }).toMatchObject({ code: 0, stderr: '', served: ['ash==1'] });
    // With a pip below our process, and what that builds; the second time by a process that goes on while the shim waits.
    for (const [name, ignored] of [['elm', ''], ['fir', "trap '' INT; "]] as const) {
      makeSdist(lab.world.archives, { name, version: '1', files: { [`${name}/__init__.py`]: '' } }, 'import os\ntry:\n    os.write(3, b"exit 77")\nexcept OSError:\n    pass');
      const mixed = await run('sh', ['-c', `${ignored}exec pip install --force-reinstall --no-deps ash==1 "$0==1"`, name], { cwd: '/', env: worker.environment(venv) });
      expect(mixed).toMatchObject({ code: 0 });
      expect(existsSync(join(venv.sitePackages, name, '__init__.py'))).toBe(true);
    }
    await worker.settle();
  });
});
