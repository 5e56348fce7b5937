import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Rig } from './rig.ts';

// What Node reads from its environment is for the tool alone.

/** An app that shows its environment, and a tool that does. */
const APP = `
import { writeSync } from 'node:fs';
console.log('APP ' + JSON.stringify(process.env));
if (!process.argv[2].endsWith('-continue')) writeSync(3, process.env.SCENARIO + '\\n');
`;

let rig: Rig;
beforeAll(() => {
  rig = new Rig();
  rig.file("an app's/main.mjs", APP, 0o644);
  for (const name of ['pip', 'npm']) rig.file(`real/${name}`, `#!/bin/sh\nexec ${process.execPath} -e 'console.log("TOOL " + require("fs").readFileSync("/proc/self/environ", "utf8").split("\\0").join("\\u0001"))'\n`);
});
afterAll(() => rig.dispose());

/** These only say how text looks, and we print none that they would change. */
const HARMLESS = ['FORCE_COLOR', 'NO_COLOR', 'TZ'];

/** Node's own list, that of this Node and what others have; the IPC channel of a parent that is Node is not for whoever comes after. */
const DOCUMENTED = ((): string[] => {
  const help = execFileSync(process.execPath, ['--help'], { encoding: 'utf8' });
  const listed = [...help.slice(help.indexOf('\nEnvironment variables:')).matchAll(/^([A-Z][A-Z0-9_]+)\b/gm)].map(([, name]) => name!);
  const others = ['NODE_OPTIONS', 'NODE_COMPILE_CACHE', 'NODE_COMPILE_CACHE_PORTABLE', 'NODE_DISABLE_COMPILE_CACHE', 'NODE_ICU_DATA', 'NODE_PRESERVE_SYMLINKS_MAIN', 'NODE_USE_ENV_PROXY', 'NODE_USE_SYSTEM_CA', 'NODE_TEST_CONTEXT', 'NODE_UNIQUE_ID', 'OPENSSL_CONF', 'UV_USE_IO_URING'];
  return [...new Set([...listed, ...others])];
})();

const setTo = (value: string): Record<string, string> => Object.fromEntries(DOCUMENTED.filter((name) => !HARMLESS.includes(name)).map((name) => [name, value]));
const shownBy = (stdout: string): Record<string, string> => JSON.parse(/^APP (.*)$/m.exec(stdout)![1]!) as Record<string, string>;

it('Node tells of more than twelve variables', () => expect(DOCUMENTED.length).toBeGreaterThan(24));

it.each(['pip', 'npm'])('the app of %s starts without any of them', async (tool) => {
  const env = { PATH: `${rig.path('real')}:/usr/bin:/bin`, SCENARIO: 'exit 0', ...setTo('/no/such $HOME "file') };
  const { code, stdout, stderr } = await rig.run([join(rig.shims, tool), 'install', 'x'], { env });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(Object.keys(shownBy(stdout)).filter((name) => DOCUMENTED.includes(name))).toEqual([]);
});

it('and without any when it stays in charge, but can tell what they were', async () => {
  const wishes = setTo('/no/such $HOME "file');
  const { code, stdout, stderr } = await rig.run([join(rig.shims, 'pip'), 'install', 'x'], { env: { PATH: `${rig.path('real')}:/usr/bin:/bin`, SCENARIO: 'continue', ...wishes } });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const env = shownBy(stdout.slice(stdout.lastIndexOf('APP ')));
  expect(Object.keys(env).filter((name) => DOCUMENTED.includes(name))).toEqual([]);
  const aside = Object.fromEntries(env['PKG_CACHE_CALLERS']!.split(' ').map((name) => [name, env[`PKG_CACHE_CALLERS_${name}`]]));
  expect(aside).toEqual(wishes);
});

it.skipIf(process.platform !== 'linux').each(['exec', 'report /x', ''])('the tool gets all of them (%j)', async (SCENARIO) => {
  // Harmless values, since the tool is Node, too.
  const wishes = { NODE_OPTIONS: '--no-warnings', NODE_PATH: '', NODE_NO_WARNINGS: '1', UV_THREADPOOL_SIZE: '3', NODE_EXTRA_CA_CERTS: '' };
  const { code, stdout } = await rig.run([join(rig.shims, 'pip'), 'install', 'x'], { env: { PATH: `${rig.path('real')}:/usr/bin:/bin`, SCENARIO, ...wishes } });
  const env = Object.fromEntries(/^TOOL (.*)$/m.exec(stdout)![1]!.split('\u0001').map((line) => [line.split('=')[0], line.slice(line.indexOf('=') + 1)]));
  expect({ code, env }).toMatchObject({ code: 0, env: wishes });
  expect(Object.keys(env).filter((name) => name.startsWith('PKG_CACHE_CALLERS'))).toEqual([]);
});

it('certificates that are there are for the store, too', async () => {
  const env = { PATH: `${rig.path('real')}:/usr/bin:/bin`, SCENARIO: 'exit 0', NODE_EXTRA_CA_CERTS: rig.file('ca.pem', '') };
  const { stdout } = await rig.run([join(rig.shims, 'pip'), 'install', 'x'], { env });
  expect(shownBy(stdout)['NODE_EXTRA_CA_CERTS']).toBe(env.NODE_EXTRA_CA_CERTS);
});
