import { describe, expect, it, test } from 'vitest';
import { evaluateMarker, type MarkerEnvironment, parseMarker } from '../../../src/pip/recognise/markers.ts';
import { askPip } from './support.ts';

const ENV: MarkerEnvironment = {
  python_version: '3.11',
  python_full_version: '3.11.7',
  os_name: 'posix',
  sys_platform: 'linux',
  platform_machine: 'x86_64',
  platform_system: 'Linux',
  platform_release: '6.8.0',
  platform_version: '#1 SMP',
  implementation_name: 'cpython',
  implementation_version: '3.11.7',
  platform_python_implementation: 'CPython',
};
const evaluate = (marker: string, extras: string[] = [], env = ENV): boolean => evaluateMarker(parseMarker(marker), env, extras);

const COMPARISONS = [
  'python_version >= "3.8"', 'python_version < "3.10"', 'python_version == "3.11"', 'python_version == "3.11.*"', 'python_version != "3.1"', 'python_version ~= "3.8"',
  "python_version in '2.7, 3.8'", "python_version in '3.10,3.11'", 'python_version not in "2.7"', '"3.9" < python_version', '"3.11" in python_version',
  'python_full_version >= "3.11.5"', 'python_full_version < "3.11.7rc1"', 'python_full_version == "3.11.7"', 'implementation_version > "3"', 'platform_release >= "5"',
  'sys_platform == "win32"', 'sys_platform != "win32"', "'linux' in sys_platform", '"win" not in sys_platform', 'os.name == "posix"', 'platform_system == "Linux"',
  'platform.python_implementation != "PyPy"', 'python_implementation == "CPython"', 'platform_machine == "arm64"', 'implementation_name == "cpython"', 'extra == "test"',
  'extra == "Te.St"', '"docs" == extra', 'extra != "test"', 'platform_version == "#1 SMP"',
];

describe('markers', () => {
  it.each<[string, string[], boolean]>([
    ['extra == "A_b"', ['a-b'], true],
    ['extra == "a-b"', ['A.B'], true],
    ['extra == "x"', [], false],
    ['extra == "x"', ['y', 'x'], true],
    ['extra == "v8"', [], false],
    ['os_name == "nt" and python_version > "3" or extra == "x"', ['x'], true],
    ['os_name == "nt" and (python_version > "3" or extra == "x")', ['x'], false],
  ])('%s with extras %j is %s', (marker, extras, expected) => {
    expect(evaluate(marker, extras)).toBe(expected);
  });

  it('know the versions of untagged builds', () => {
    expect(evaluate('python_full_version >= "3.14"', [], { ...ENV, python_full_version: '3.14.0+' })).toBe(true);
  });

  it.each(['sys_platform > "aix"', 'os_name ~= "posix"', 'platform_machine >= "arm"', 'python_version ~= "3"'])('leave %s to the real pip', (marker) => {
    expect(() => evaluate(marker)).toThrow(expect.objectContaining({ code: 'UNRECOGNISED' }));
  });

  it('leave a kernel release that is no version to the real pip', () => {
    const env = { ...ENV, platform_release: '5.15.0-generic' };
    expect(() => evaluate('platform_release >= "5"', [], env)).toThrow(expect.objectContaining({ code: 'UNRECOGNISED' }));
    expect(evaluate('sys_platform == "darwin" and platform_release >= "5"', [], env)).toBe(false);
  });

  it('refuse parentheses that are too deep to be walked through', () => {
    expect(() => parseMarker('('.repeat(16_000))).toThrow(expect.objectContaining({ code: 'UNRECOGNISED' }));
  });

  it.each(['', 'python_version', 'python_version > 3', 'unknown == "x"', '(os_name == "nt"', 'os_name == "nt" xor os_name == "x"', 'extras == "x"', "os_name == 'a\\'"])(
    'refuse %j',
    (text) => {
      expect(() => parseMarker(text)).toThrow(expect.objectContaining({ code: 'UNRECOGNISED' }));
    },
  );

  test('as the real packaging', () => {
    const joined = COMPARISONS.flatMap((a, i) => {
      const [b, c] = [COMPARISONS[(i * 7 + 3) % COMPARISONS.length], COMPARISONS[(i * 11 + 5) % COMPARISONS.length]];
      return [a, `${a} and ${b}`, `${a} or ${b} and ${c}`, `(${a} or ${b}) and ${c}`, `((${a})) and(${b})or ${c}`];
    });
    const environments = [ENV, { ...ENV, python_version: '3.8', python_full_version: '3.8.18', sys_platform: 'win32', os_name: 'nt' }];
    const questions = environments.flatMap((env) => joined.flatMap((marker) => [[], ['test'], ['docs', 'Te.St']].map((extras) => ({ marker, env, extras }))));
    const answers = askPip<boolean>('marker', questions);
    const wrong = questions.filter(({ marker, env, extras }, i) => evaluateMarker(parseMarker(marker), env, extras) !== answers[i]);
    expect(wrong.map(({ marker, extras }) => [marker, extras])).toEqual([]);
  });
});
