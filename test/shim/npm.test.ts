import { afterEach, beforeEach, expect, it } from 'vitest';
import { join } from 'node:path';
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
