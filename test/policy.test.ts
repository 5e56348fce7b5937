import { describe, expect, it } from 'vitest';
import { parseRules, Policy, type Package } from '../src/policy.ts';

function pip(name: string, version = '1.0'): Package {
  return { ecosystem: 'pip', name, version };
}

function npm(name: string, version = '1.0.0'): Package {
  return { ecosystem: 'npm', name, version };
}

/** Whether a package is kept out, by these rules. */
function isOut(rules: { cachable?: string; blocked?: string }, wanted: Package, sources: string[] = []): boolean {
  const { cachable = '', blocked = '' } = rules;
  return new Policy({ cachable: parseRules(cachable)!, blocked: parseRules(blocked)! }).whyNot(wanted, sources) !== undefined;
}

const INDEX = 'https://pypi.example.org/team/simple';

describe('cachable', () => {
  it.each([
    ['', pip('ash'), false],
    ['!ash', pip('ash'), true],
    ['!ash', pip('ash-tree'), false],
    ['!Jaraco_Classes', pip('jaraco-classes'), true],
    ['!ash*', pip('ash-tree'), true],
    ['!*-tree', pip('ash-tree'), true],
    ['!a.h', pip('aXh'), false],
    ['!*', pip('ash'), true],
    ['!* ash', pip('ash'), false],
    ['!ash ash==1', pip('ash', '1'), false],
    ['!ash ash==1.0.0', pip('ash', '1'), false],
    ['!ash ash==2', pip('ash', '1'), true],
    ['ash !ash==1', pip('ash', '1'), true],
    ['!ash* ash-tree', pip('ash-tree'), false],
    ['!a* ash-*', pip('ash-tree'), false],
    ['ash,!ash', pip('ash'), false],
    ['!npm:ash', pip('ash'), false],
    ['!npm:ash', npm('ash'), true],
    ['!@scope/*', npm('@scope/x'), true],
    ['!@scope/x@1.0.0', npm('@scope/x', '1.0.0'), true],
    ['!@scope/x@1.0.0', npm('@scope/x', '1.0.1'), false],
    ['!Ash', npm('ash'), false],
    ['!node*', npm('node_modules'), false],
    ['!*', npm('node_modules'), true],
  ] as [string, Package, boolean][])('%s: %j', (cachable, wanted, out) => {
    expect(isOut({ cachable }, wanted)).toBe(out);
  });

  it.each([
    [`!${INDEX}`, [INDEX], true],
    [`!${INDEX}/`, [`${INDEX}/`], true],
    ['!https://user:secret@PYPI.example.org', [INDEX], true],
    ['!https://pypi.example.org/tea', [INDEX], false],
    [`!${INDEX}`, [], false],
    [`!* ${INDEX}`, [INDEX], false],
    [`!* ${INDEX}`, ['https://pypi.org/simple'], true],
    [`!${INDEX} ash`, [INDEX], false],
    [`!https://pypi.example.org ${INDEX}`, [INDEX], false],
  ] as [string, string[], boolean][])('by index: %s %j', (cachable, sources, out) => {
    expect(isOut({ cachable }, pip('ash'), sources)).toBe(out);
  });
});

it('says nothing by index, or by default, where nobody knows the index', () => {
  const policy = new Policy({ cachable: parseRules(`!* ${INDEX} !ash`)!, blocked: [] });
  expect([policy.whyNot(pip('birch')), policy.whyNot(pip('birch'), [])]).toEqual([undefined, 'not cachable by the rule !*']);
  expect(policy.whyNot(pip('ash'))).toBe('not cachable by the rule !ash');
});

describe('blocked', () => {
  it('wins over cachable, and can be lifted for what is named more exactly', () => {
    expect(isOut({ blocked: 'ash', cachable: 'ash==1' }, pip('ash', '1'))).toBe(true);
    expect(isOut({ blocked: 'ash !ash==1.1' }, pip('ash', '1.1'))).toBe(false);
    expect(isOut({ blocked: 'ash !ash==1.1' }, pip('ash', '1'))).toBe(true);
    expect(isOut({ blocked: 'left-pad@1.0.0' }, npm('left-pad'))).toBe(true);
  });
});

it('says which rule it was, without credentials', () => {
  const policy = (cachable: string, blocked: string): Policy => new Policy({ cachable: parseRules(cachable)!, blocked: parseRules(blocked)! });
  expect(policy('', 'evil-*').whyNot(pip('evil-eye'))).toBe('blocked by the rule evil-*');
  expect(policy('!https://user:secret@h/', '').whyNot(pip('ash'), ['https://h/simple'])).toBe('not cachable by the rule !https://h');
});

it.each(['a b; c', '==1', 'ash>=1', '$(ash)', '!', 'https://', '../x', 'ash==', 'git+https://h/x'])('%s is no rule', (text) => {
  expect(parseRules(text)).toBeUndefined();
});

it('many stars do not take long', () => {
  expect(isOut({ blocked: '*a*a*a*a*a*a*b' }, pip('a'.repeat(200)))).toBe(false);
});
