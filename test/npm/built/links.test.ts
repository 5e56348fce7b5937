import { describe, expect, it } from 'vitest';
import { whyNotPlaced } from '../../../src/npm/built/links.ts';

describe('the links and directories of a built package', () => {
  const judge = (links: [string, string][], directories: string[] = []): string | undefined => whyNotPlaced({ integrity: '', links, directories });

  it('may be anywhere in it', () => {
    expect(judge([['a/link', '../b'], ['link', 'a/b/c'], ['d/here', '..']], ['empty', 'a/b/empty'])).toBeUndefined();
  });

  it.each([
    ['a link at a path that leads out', [['../link', 'a']]],
    ['a link at an absolute path', [['/tmp/link', 'a']]],
    ['a link to an absolute path', [['link', '/etc/passwd']]],
    ['a link that leads out', [['a/link', '../../b']]],
    ['a link that leads out late', [['link', 'a/../../b']]],
    ['a link by way of another', [['a/b', '..'], ['a/b/link', '../..']]],
    ['a link to nothing', [['link', '']]],
  ] satisfies [string, [string, string][]][])('but not %s', (_, links) => {
    expect(judge(links)).toBe(links.at(-1)?.[0]);
  });

  it.each(['../empty', '/tmp/empty', 'a//b'])('but not the directory %s', (path) => {
    expect(judge([], [path])).toBe(path);
  });

  it('but not of another form', () => {
    for (const odd of [undefined, null, 'text', [null], [['one']], [[1, 2]]]) expect(judge(odd as never)).toBeTypeOf('string');
    for (const odd of [undefined, null, 'text', [null], [['one']]]) expect(whyNotPlaced({ integrity: '', links: [], directories: odd as never })).toBeTypeOf('string');
  });
});
