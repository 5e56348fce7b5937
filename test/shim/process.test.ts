import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Rig, shown } from './rig.ts';

let rig: Rig;
beforeEach(() => void (rig = new Rig()));
afterEach(() => rig.dispose());

const pip = () => join(rig.shims, 'pip');

/** Starts an install whose app is busy, as the leader of a process group, and waits until the app runs. */
async function busy() {
  const env = { PATH: `${rig.path('real')}:/usr/bin:/bin`, APP_LOG: rig.log, SCENARIO: 'slow' };
  const child = spawn(pip(), ['install'], { env, cwd: rig.root, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  await once(child.stdout, 'data');
  return { child, ended: once(child, 'close') as Promise<[number | null, string | null]> };
}

it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('a %s for the shim alone waits for the app, then ends the shim', async (signal) => {
  const { child, ended } = await busy();
  child.kill(signal);
  await setTimeout(100);
  expect(child.exitCode ?? child.signalCode).toBeNull();
  expect(await ended).toEqual([null, signal]);
});

it.each(['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGKILL'] as const)('a %s for the group ends both', async (signal) => {
  const { child, ended } = await busy();
  process.kill(-child.pid!, signal);
  // The pipes are closed only when nobody holds them any more, the app included.
  expect(await ended).toEqual([null, signal]);
});

it('becomes the app, or the tool: no process is left in between', async () => {
  const become = (SCENARIO: string, what: string) =>
    rig.run(['/bin/sh', '-c', `echo $$; exec "$0" ${what}`, pip()], { env: { SCENARIO, PATH: `${rig.path('real')}:/bin` } });
  for (const what of ['list', 'install', 'list --no-pkg-caching']) {
    const outcome = await become('exec', what);
    expect(String(shown(outcome).pid)).toBe(outcome.stdout.split('\n')[0]);
  }
  const { stdout } = await become('continue', 'install');
  expect(stdout).toMatch(/^(\d+)\nplanned\ncontinued \1\n$/);
});

it('falls back to the node on PATH, and to the tool without one', async () => {
  rig.file('bin/node', `#!/bin/sh\nexec "${process.execPath}" "$@"\n`);
  rig.shim('moved', '/nowhere/node');
  rig.shim('gone', process.execPath, '/nowhere/main.mjs');
  const through = (shim: string, PATH: string) => rig.run([join(rig.root, shim, 'pip'), 'install'], { env: { PATH } });
  const fallen = await through('moved', `${join(rig.root, 'bin')}:${join(rig.root, 'real')}:/bin`);
  expect(fallen.stdout.startsWith('planned\n')).toBe(true);
  for (const shim of ['moved', 'gone']) {
    const outcome = await through(shim, join(rig.root, 'real'));
    expect(shown(outcome).argv).toEqual(['install']);
    expect(outcome.stderr).toBe('');
  }
  expect(rig.started().length).toBe(1);
});

it('copes with closed standard streams', async () => {
  const marker = join(rig.root, 'ran');
  rig.file('real/pip', `#!/bin/sh\necho "$1" >>'${marker}'\n`);
  const env = { PATH: `${rig.path('real')}:/bin` };
  for (const closed of ['>&-', '2>&-', '<&-', '<&- >&- 2>&-']) {
    const outcome = await rig.run(['/bin/sh', '-c', `"$0" install ${closed}`, pip()], { env });
    expect(outcome.code).toBe(0);
  }
  expect((await rig.run(['/bin/cat', marker])).stdout).toBe('install\n'.repeat(4));
});

it('lets the tool read standard input', async () => {
  rig.file('real/pip', '#!/bin/sh\nread -r line\necho "got $line"\n');
  const outcome = await rig.run([pip(), 'install'], { input: 'hello\n', env: { PATH: `${rig.path('real')}:/bin` } });
  expect(outcome.stdout).toBe('planned\ngot hello\n');
});

it('does not take the channel of a Node parent for its own', async () => {
  const outcome = await rig.run([pip(), 'install'], { env: { NODE_CHANNEL_FD: '3', SCENARIO: 'exit 7' } });
  expect(outcome.code).toBe(7);
});

it('runs the tool in a directory that is gone or cannot be read', async () => {
  rig.file('real/pip', '#!/bin/sh\necho "ran $1"\n');
  const gone = 'mkdir "$1/gone" && cd "$1/gone" && rmdir "$1/gone" && "$0"';
  const env = { PATH: `${rig.path('real')}:/usr/bin:/bin` };
  for (const command of ['list', 'install']) {
    const outcome = await rig.run(['/bin/sh', '-c', `${gone} ${command}`, pip(), rig.root], { env });
    expect(outcome.code).toBe(0);
    expect(outcome.stdout).toContain(`ran ${command}\n`);
  }
  const closed = join(rig.file('closed/x', ''), '..');
  chmodSync(closed, 0o311);
  const outcome = await rig.run(['/bin/sh', '-c', 'cd "$1" && "$0" install', pip(), closed], { env });
  chmodSync(closed, 0o755);
  expect(outcome.stdout).toContain('ran install\n');
  rmSync(closed, { recursive: true });
});
