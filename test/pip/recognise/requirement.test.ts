import { describe, expect, it, test } from 'vitest';
import { parseSpecifiers } from '../../../src/pip/specifiers.ts';
import { parseRequirement } from '../../../src/pip/recognise/requirement.ts';
import { askPip } from './support.ts';

const NAMES = ['flask', 'Flask', 'zope.interface', 'ruamel_yaml', 'a', 'A1', 'foo-_.bar', 'foo_', '_foo', 'foo-', '-foo', 'foo.', 'fo o', 'föö', '', 'requirements.txt'];
const EXTRAS = ['', '[a]', '[a,b]', '[ A , b.c ]', '[]', '[ ]', ' [x]', '[a b]', '[a', '[a,]', '[,]', '[-a]'];
const SPECIFIERS = [
  '', '==1.0', ' == 1.0', '>=1.0,<2', '>= 1.0 , != 1.5', '(>=1.0)', ' ( >=1.0 , <2 ) ', '(==1.0', '==1.0)', '~=1.4.2', '~=1', '===legacy-x', '==1.*', '>=1.*',
  '==1.0rc1', '==1.0+cpu', '>1.0+cpu', '=1.0', '1.0', '==', '==1.0,', ' @ https://example.org/x.whl', '@file:///x', ' @', '==v1!2.0.post3.dev4', '<>1.0',
];
const MARKERS = [
  '', '; python_version>="3"', ' ;python_version >= "3" and os_name == "posix"', "; (sys_platform=='win32')", '; extra == "x"', ';', '; nonsense',
  '; python_version', '; "3" <= python_version', '; os.name == "nt" or (platform.machine == "x" and extra=="y")', '; python_version in "2.7, 3.8"', '; python_version not  in "2.7"',
];

function ours(text: string): unknown {
  try {
    const { name, extras, specifiers, url, marker } = parseRequirement(text);
    const clauses = parseSpecifiers(specifiers).map(({ operator, version }) => operator + version);
    return { name, extras, specifiers: [...new Set(clauses)].sort(), url: url ?? null, marked: marker !== undefined };
  } catch {
    return undefined;
  }
}

describe('requirements', () => {
  it('come apart', () => {
    expect(parseRequirement('Foo.Bar[b,A] (>=1.0, <2) ; extra == "x"')).toEqual({
      name: 'foo-bar',
      rawName: 'Foo.Bar',
      extras: ['a', 'b'],
      rawExtras: ['A', 'b'],
      specifiers: '>=1.0,<2',
      marker: { left: { variable: 'extra' }, operator: '==', right: { value: 'x' } },
    });
  });

  it.each(['foo; python_version > "3" and', 'foo; "a" == "b"', 'foo; os_name == sys_platform', 'foo; os_name == "\\x61"', 'foo ==1.0 bar', '__proto__'])(
    '%j is refused',
    (text) => {
      expect(() => parseRequirement(text)).toThrow(expect.objectContaining({ code: 'UNRECOGNISED' }));
    },
  );

  test('as the real packaging', () => {
    const texts = [
      ...NAMES.flatMap((name) => EXTRAS.map((extras) => name + extras)),
      ...EXTRAS.flatMap((extras) => SPECIFIERS.map((specifiers) => `foo${extras}${specifiers}`)),
      ...SPECIFIERS.flatMap((specifiers) => MARKERS.map((marker) => `foo${specifiers}${marker}`)),
    ];
    const answers = askPip('requirement', texts);
    // What we refuse goes to the real pip; what it refuses, we must not accept.
    const wrong = texts.filter((text, i) => ours(text) !== undefined && JSON.stringify(sorted(ours(text))) !== JSON.stringify(sorted(answers[i])));
    expect(wrong).toEqual([]);
    const given = texts.filter((text, i) => ours(text) === undefined && answers[i] !== undefined);
    expect(given.filter((text) => !/foo_|legacy|<>|>=1\.\*|>1\.0\+cpu|~=1(?:\D|$)|,(?:;| ;|$)|not {2}in|@;|=(?:\)|;| ;|$)/.test(text))).toEqual([]);
  });
});

function sorted(value: unknown): unknown {
  return value === undefined ? undefined : Object.entries(value as object).sort(([a], [b]) => (a < b ? -1 : 1));
}
