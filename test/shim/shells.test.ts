import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Rig, SHELLS, shown } from './rig.ts';

let rig: Rig;
beforeEach(() => void (rig = new Rig()));
afterEach(() => rig.dispose());

const present = SHELLS.filter(([name]) => spawnSync(name!, ['-c', ':']).error === undefined);
const AWKWARD = ['', ' ', 'a b', 'new\nline', '*', '$HOME', '`x`', "it's", '"', '\\', '-e', '--', 'é'];
const UNTOUCHED = { PKG_CACHE_GUARD: expect.any(String) };

describe.each(present)('%s', (...shell) => {
  const pip = (args: string[], env: Record<string, string | undefined> = {}) =>
    rig.run([...shell, join(rig.shims, 'pip'), ...args], { env: { PATH: `${rig.path('real')}:/usr/bin:/bin`, ...env } });

  it('runs the tool at once when nothing is to be installed', async () => {
    const { argv, tool, env } = shown(await pip(['list', ...AWKWARD], { real: 'mine', name: 'n' }));
    expect(argv).toEqual(['list', ...AWKWARD]);
    expect(tool).toBe(join(rig.root, 'real/pip'));
    expect(env).toMatchObject({ real: 'mine', name: 'n' });
    expect(rig.started()).toEqual([]);
  });

  it.each(['off', '0', 'false', 'no'])('is as if absent with PKG_CACHE=%s', async (value) => {
    expect(shown(await pip(['install', 'x'], { PKG_CACHE: value })).argv).toEqual(['install', 'x']);
    expect(rig.started()).toEqual([]);
  });

  it('takes --no-pkg-caching out of argv, wherever it is', async () => {
    const flag = '--no-pkg-caching';
    expect(shown(await pip([flag, 'install', ...AWKWARD, flag, 'x', flag])).argv).toEqual(['install', ...AWKWARD, 'x']);
    expect(shown(await pip([flag])).argv).toEqual([]);
    expect(shown(await pip(['list', flag], { PKG_CACHE: 'off' })).argv).toEqual(['list']);
    expect(rig.started()).toEqual([]);
  });

  it('tells the app about the tool and the arguments', async () => {
    const outcome = await pip(['install', ...AWKWARD]);
    expect(rig.started().map(({ argv }) => argv)).toEqual([['pip', join(rig.root, 'real/pip'), 'install', ...AWKWARD]]);
    expect(outcome.stdout.startsWith('planned\n')).toBe(true);
    expect(shown(outcome)).toMatchObject({ argv: ['install', ...AWKWARD], env: UNTOUCHED });
  });

  it('leaves the descriptors of the caller alone', async () => {
    const list = 'for fd in 3 4 5 6; do if { true <&"$fd"; } 2>/dev/null; then printf "%s " "$fd"; fi; done';
    rig.file('real/pip', `#!/bin/sh\n${list}\necho`);
    const shim = [...shell, '"$0"'].join(' ');
    for (const [redirect, open] of [['', ''], ['3</dev/null', '3 '], ['4</dev/null 6</dev/null', '4 6 '], ['3</dev/null 4</dev/null', '3 4 ']]) {
      for (const [SCENARIO, command, lines] of [['', 'list', ''], ['exec', 'install', 'planned\n'], ['report x', 'install', 'planned\n']]) {
        const env = { SCENARIO, PATH: `${rig.path('real')}:/usr/bin:/bin` };
        const { stdout } = await rig.run(['/bin/sh', '-c', `${shim} ${command!} ${redirect!}`, join(rig.shims, 'pip')], { env });
        expect(stdout).toBe(`${lines!}${open!}\n`);
      }
    }
  });

  it('does what the app decides', async () => {
    expect(await pip(['install'], { SCENARIO: 'exit 0' })).toMatchObject({ code: 0, stdout: 'planned\n' });
    expect(await pip(['install'], { SCENARIO: 'exit 23' })).toMatchObject({ code: 23, stdout: 'planned\n' });
    expect(await pip(['install'], { SCENARIO: 'exec', TOOL_STATUS: '3' })).toMatchObject({ code: 3 });
    const report = shown(await pip(['install', 'x'], { SCENARIO: 'report /a b/c d.json' }));
    expect(report).toMatchObject({ argv: ['install', 'x'], env: { PKG_CACHE_OBSERVE: '/a b/c d.json', PYTHONPATH: join(dirname(rig.app), 'observe') } });
    const continued = await pip(['install', 'x'], { SCENARIO: 'continue', CONTINUE_STATUS: '5' });
    expect(continued).toMatchObject({ code: 5, stdout: expect.stringMatching(/^planned\ncontinued \d+\n$/) });
    expect(rig.started().at(-1)!.argv).toEqual(['pip-continue', join(rig.root, 'real/pip'), 'install', 'x']);
  });

  it.each(['', 'exit', 'exit x', 'exit 1x', 'exit 1234', 'report', 'nonsense', 'crash', '!SIGKILL', '!SIGSEGV'])(
    'runs the tool when the app says %j',
    async (SCENARIO) => {
      const { argv, env } = shown(await pip(['install', 'x'], { SCENARIO }));
      expect(argv).toEqual(['install', 'x']);
      expect(env['PKG_CACHE_OBSERVE'] ?? env['PYTHONPATH']).toBeUndefined();
    },
  );

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('ends by %s if the app did', async (signal) => {
    const outcome = await pip(['install'], { SCENARIO: `!${signal}` });
    // Some shells remark on a child's end; mksh turns a signal to itself into the status that stands for it.
    expect(outcome.stderr).toMatch(/^((Terminated|Hangup) ?\n)?$/);
    expect(outcome.stdout).toBe('planned\n');
    const status = 128 + constants.signals[signal];
    expect(outcome.signal === signal || (shell[0] === 'mksh' && outcome.code === status)).toBe(true);
  });

  it('finds no tool, and says so as a shell does', async () => {
    const nothing = { code: 127, stdout: '', stderr: 'pip: command not found\n' };
    const env = { PATH: `${rig.shims}:${rig.root}/nowhere` };
    const at = shell[0] === 'busybox' ? '/usr/bin/busybox' : `/bin/${shell[0]!}`;
    expect(await rig.run([at, ...shell.slice(1), join(rig.shims, 'pip'), 'list'], { env })).toEqual(nothing);
  });

  it('passes a megabyte of arguments', async () => {
    const many = Array.from({ length: 50_000 }, (_, i) => `argument-${i} *`);
    expect(shown(await pip(['list', ...many])).argv.length).toBe(50_001);
    expect(shown(await pip([...many, '--no-pkg-caching', 'install'])).argv).toEqual([...many, 'install']);
    expect(shown(await pip(['install', ...many])).argv).toEqual(['install', ...many]);
  });

  it('calls a wrapper that calls it back once, and then what comes after', async () => {
    rig.file('exec/pip', `#!/bin/sh\nexec pip "$@"\n`);
    rig.file('fork/pip', `#!/bin/sh\npip "$@"\nexit $?\n`);
    rig.file('deep/pip', `#!/bin/sh\n(/bin/sh -c 'pip "$@"; exit $?' sh "$@"; exit $?)\nexit $?\n`);
    for (const order of [['exec'], ['fork'], ['deep'], ['exec', 'fork'], ['fork', 'exec'], ['exec', 'fork', 'deep'], ['deep', 'exec']]) {
      const outcome = await pip(['list', 'a b'], { PATH: `${rig.path(...order, 'real')}:/usr/bin:/bin` });
      expect(shown(outcome)).toMatchObject({ tool: join(rig.root, 'real/pip'), argv: ['list', 'a b'] });
    }
  });
});
