import { describe, expect, it } from 'vitest';
import { generateScripts, isPlainEntryPoint, parseEntryPoints, plainShebang } from '../../src/pip/scripts.ts';
import { askParts } from './support.ts';

interface Answer {
  readonly template: string;
  readonly version: [number, number];
  readonly made: Readonly<Record<string, string>>;
}

const long = (length: number): string => `/${'x'.repeat(length - '/'.length - '/bin/python'.length)}/bin/python`;

const EXECUTABLES = ['/usr/bin/python3', '/with space/bin/python', '/ü/bin/python', `/${'ü'.repeat(56)}/bin/python`, `/${'ü'.repeat(57)}/bin/python`, long(123), long(124), long(125), long(200), `/a b${long(200)}`, "/it's/python", '/a\tb/python'];

const POINTS: readonly (readonly [string, string])[][] = [
  [['tool', 'pkg:main']],
  [['tool', 'pkg.sub.mod:Class.method'], ['other-tool', 'pkg:main [extra]'], ['dotted.name', 'p:m[a,b]']],
  [['pip', 'pip._internal.cli.main:main'], ['pip3', 'pip._internal.cli.main:main'], ['pip3.7', 'pip._internal.cli.main:main'], ['pip-run', 'run:main']],
  [['easy_install', 'setuptools.command.easy_install:main'], ['easy_install-2.7', 'setuptools.command.easy_install:main']],
];

it('scripts are byte for byte those of a real pip', () => {
  const questions = EXECUTABLES.flatMap((executable) => POINTS.map((points) => ({ executable, points })));
  askParts<Answer>('scripts', questions).forEach(({ template, version, made }, i) => {
    const { executable, points } = questions[i]!;
    const scripts = generateScripts(points.map(([name, value]) => ({ name, value })), [], { executable, platform: 'linux', template, pythonVersion: version });
    expect({ executable, scripts: Object.fromEntries(scripts.map(({ name, content }) => [name, content])) }).toEqual({ executable, scripts: made });
  });
});

it('macOS takes longer interpreter lines', () => {
  const first = (length: number): string | undefined => generateScripts([{ name: 'x', value: 'm:f' }], [], { executable: long(length), platform: 'darwin', template: '', pythonVersion: [3, 12] })[0]?.content.split('\n')[0];
  expect([first(509), first(510)]).toEqual([plainShebang(long(509)).trimEnd(), '#!/bin/sh']);
});

describe('entry points', () => {
  it.each([
    ['tool', 'm:f', true],
    ['tool', 'a.b.c:D.e', true],
    ['tool', 'm:f [x]', true],
    ['tool', 'm', false],
    ['tool', 'm:f:g', false],
    ['tool', 'm-n:f', false],
    ['tool', 'm:f()', false],
    ['a/b', 'm:f', false],
    ['..', 'm:f', false],
    ['', 'm:f', false],
    ['with space', 'm:f', false],
  ])('%s = %s is plain: %s', (name, value, plain) => expect(isPlainEntryPoint({ name, value })).toBe(plain));

  it('are read from the two groups that make scripts', () => {
    const text = '# comment\r\n[console_scripts]\r\na = m:f\r\n b=m:g [x]\r\n; comment\n\n[gui_scripts]\nc = m:h\n[other]\nd = m:i\n[console_scripts]\ne = m:j\nno equals\n';
    expect(parseEntryPoints(text)).toEqual({
      console: [{ name: 'a', value: 'm:f' }, { name: 'b', value: 'm:g [x]' }, { name: 'e', value: 'm:j' }],
      gui: [{ name: 'c', value: 'm:h' }],
    });
  });
});
