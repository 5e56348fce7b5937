import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Rig, shown } from './rig.ts';

let rig: Rig;
beforeEach(() => void (rig = new Rig()));
afterEach(() => rig.dispose());

const npm = (...args: readonly string[]) => rig.run([join(rig.shims, 'npm'), ...args], { env: { PATH: `${rig.path('real')}:/usr/bin:/bin` } });

it.each(['ci', 'i', 'install', 'in', 'isntall', 'add', 'clean-install', 'clean-i', 'ic', 'install-clean', 'cit'])('asks the app about npm %s', async (command) => {
  expect(shown(await npm('--prefix', 'somewhere', command)).argv).toEqual(['--prefix', 'somewhere', command]);
  expect(rig.started().map(({ argv }) => argv.slice(0, 2))).toEqual([['npm', join(rig.root, 'real/npm')]]);
});

it.each([['run', 'ci'], ['test', 'install'], ['exec', 'ci'], ['publish'], ['view', 'install'], ['--version'], ['prune'], ['ls']])('does not start the app for npm %s %s', async (...args) => {
  expect(shown(await npm(...args)).argv).toEqual(args);
  expect(rig.started()).toEqual([]);
});

it('takes its own flag away, and starts nothing', async () => {
  expect(shown(await npm('ci', '--no-pkg-caching', '--omit=dev')).argv).toEqual(['ci', '--omit=dev']);
  expect(rig.started()).toEqual([]);
});

describe.skipIf(!existsSync('/proc/self/status'))('where the caller has signals ignored, which no Node goes on with', () => {
  const ignoring = (scenario: string) =>
    rig.run(['sh', '-c', `trap '' HUP INT; "$0" ci; exit $?`, join(rig.shims, 'npm')], { env: { PATH: `${rig.path('real')}:/usr/bin:/bin`, SCENARIO: scenario } });

  it('the app may take over', async () => {
    expect((await ignoring('continue')).stdout).toContain('continued');
    expect(rig.started().map(({ argv }) => argv[0])).toEqual(['npm', 'npm-continue']);
  });

  it.each([['SIGHUP', 129], ['SIGINT', 130]])('%s ends it, as it ends npm', async (signal, code) => {
    expect(await ignoring(`!${signal}`)).toMatchObject({ code, stdout: expect.not.stringContaining('"tool"') as string });
  });
});
