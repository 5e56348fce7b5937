import { readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Rig, shown } from './rig.ts';

let rig: Rig;
beforeEach(() => void (rig = new Rig()));
afterEach(() => rig.dispose());

const SYSTEM = '/usr/bin:/bin';
const at = (path: string) => join(rig.root, path);

/** The tool that is reached by a name, through a PATH. */
async function reached(PATH: string | undefined, name = 'pip', cwd = rig.root): Promise<string> {
  return shown(await rig.run([join(rig.shims, name), 'list'], { cwd, env: { PATH } })).tool;
}

it('is found by the name that was called', async () => {
  expect(await reached(rig.path('real'), 'pip3.9')).toBe(at('real/pip3.9'));
  const missing = await rig.run([join(rig.shims, 'pip3'), 'list']);
  expect(missing).toMatchObject({ code: 127, stderr: 'pip3: command not found\n' });
});

it('is not one of our own, by whatever way the directory is named', async () => {
  rig.shim('other/shims');
  symlinkSync(rig.shims, at('link'));
  symlinkSync(at('a home'), at('home'));
  const path = [at('link'), at('home/shims'), `${rig.shims}/`, at('other/shims'), at('other/../other/shims'), at('real'), SYSTEM];
  expect(await reached(path.join(':'))).toBe(at('real/pip'));
  expect(await reached(`other/shims:./link:${at('real')}`)).toBe(at('real/pip'));
});

it('is not a link to the shim', async () => {
  rig.file('bin/.keep', '');
  symlinkSync(join(rig.shims, 'pip'), at('bin/pip'));
  symlinkSync(join(rig.shims, 'pip'), at('bin/pip3.9'));
  const outcome = await rig.run([at('bin/pip'), 'list'], { env: { PATH: `${at('bin')}:${at('real')}` } });
  expect(shown(outcome).tool).toBe(at('real/pip'));
  expect(await reached(rig.path('bin', 'real'), 'pip3.9')).toBe(at('real/pip3.9'));
});

it('is not a copy of the shim, nor another version of it', async () => {
  rig.shim('copied');
  rig.file('elsewhere/.keep', '');
  symlinkSync(at('copied/pip'), at('elsewhere/pip'));
  expect(await reached(rig.path('elsewhere', 'real'))).toBe(at('real/pip'));
});

it('may be in a relative or an empty entry', async () => {
  expect(await reached(`${rig.shims}:real`)).toBe(at('real/pip'));
  expect(await reached(`${rig.shims}::${SYSTEM}`, 'pip', at('real'))).toBe(at('real/pip'));
  expect(await reached(`${rig.shims}:`, 'pip', at('real'))).toBe(at('real/pip'));
  expect(await reached(':real', 'pip')).toBe(at('real/pip'));
});

it('is a file that can be run', async () => {
  rig.file('text/pip', 'no', 0o644);
  rig.file('directory/pip/x', '');
  expect(await reached(rig.path('text', 'directory', 'missing', 'real'))).toBe(at('real/pip'));
});

it('is looked for where shells look without a PATH', async () => {
  const { code, stderr, stdout } = await rig.run([join(rig.shims, 'pip'), '--version'], { env: { PATH: undefined } });
  expect(code === 0 ? stdout : stderr).toMatch(/^pip (\d|.*command not found)|^pip: command not found/);
});

it('is called by a pip that a build script runs', async () => {
  // The outer tool runs a process of its own, which looks pip up on PATH: that is no call back.
  rig.file('real/pip', `#!/bin/sh\nif [ "$1" = outer ]; then /bin/sh -c 'pip inner; exit $?'; exit $?; fi\necho "$0 $1"\n`);
  rig.file('second/pip', '#!/bin/sh\necho wrong\n');
  const { stdout } = await rig.run([join(rig.shims, 'pip'), 'outer'], { env: { PATH: `${rig.path('real', 'second')}:${SYSTEM}` } });
  expect(stdout).toBe(`${at('real/pip')} inner\n`);
});

it('is given up when everything calls back, after a bounded number of rounds', async () => {
  const wrapper = `#!/bin/sh\necho round >>"${at('rounds')}"\n/bin/sh -c 'pip "$@"; exit $?' sh "$@"\nexit $?\n`;
  rig.file('deep/pip', wrapper);
  const outcome = await rig.run([join(rig.shims, 'pip'), 'list'], { env: { PATH: rig.path('deep') }, timeout: 30_000 });
  expect(outcome).toMatchObject({ code: 127, stderr: expect.stringContaining('for ever') });
  expect(readFileSync(at('rounds'), 'utf8').split('\n').length).toBeLessThan(30);
  rig.file('fork/pip', '#!/bin/sh\npip "$@"\nexit $?\n');
  const forked = await rig.run(['/bin/sh', '-c', '"$0" list', join(rig.shims, 'pip')], { env: { PATH: rig.path('fork') } });
  expect(forked).toMatchObject({ code: 127, stderr: 'pip: command not found\n' });
});

it('survives a guard that is not ours', async () => {
  for (const PKG_CACHE_GUARD of ['', 'x', '1', '1:', '1:x:/y', '::', '1:99999999999999999999:/x', '1:2:relative', '*']) {
    const outcome = await rig.run([join(rig.shims, 'pip'), 'list'], { env: { PKG_CACHE_GUARD } });
    expect(shown(outcome).tool).toBe(at('real/pip'));
  }
});
