import { existsSync, mkdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { adopt } from '../../src/place/adopt.ts';
import { codeOf } from '../cache/support.ts';
import { MEMORY, scene, twoDisks, write } from './support.ts';

type Files = Readonly<Record<string, string>>;

const CASES: [string, Files, Files][] = [
  ['nothing there', {}, { 'p/a': '1', 'p/sub/b': '2' }],
  ['another directory there', { 'q/x': '0' }, { 'p/a': '1' }],
  ['a directory to be merged with', { 'p/x': '0', 'p/sub/y': '0' }, { 'p/a': '1', 'p/sub/b': '2', 'p/new/c': '3' }],
  ['a file to be replaced', { 'p/a': 'old', 'p/x': '0' }, { 'p/a': 'new' }],
  ['an empty directory', { 'p/sub/x/y': '0' }, { 'p/sub/x/z': '1' }],
];

describe.each([['on one file system', undefined], ...(twoDisks ? [['across file systems', MEMORY] as const] : [])] as const)('%s', (_where, parent) => {
  it.each(CASES)('%s', (_what, there, wanted) => {
    const { source, target, undo, tree, recover } = scene(there, wanted, parent === undefined ? {} : { parent });
    const before = tree();
    adopt(join(source, 'p'), join(target, 'p'), undo);
    const merged = scene({ ...there, ...wanted });
    expect(tree()).toEqual(merged.tree());
    expect(undo.rollback()).toBe(true);
    expect(tree()).toEqual(before);
    expect(recover()).toBe(true);
    expect(tree()).toEqual(before);
  });

  it('keeps the time of a file', () => {
    const { source, target, undo } = scene({}, { a: '1' }, parent === undefined ? {} : { parent });
    utimesSync(join(source, 'a'), 1_600_000_000, 1_600_000_000);
    adopt(join(source, 'a'), join(target, 'a'), undo);
    expect(statSync(join(target, 'a')).mtimeMs).toBe(1_600_000_000_000);
  });
});

it('writes through a link to a directory, as pip does', () => {
  const { source, target, undo, tree } = scene({ 'real/x': '0' }, { 'p/a': '1' });
  symlinkSync('real', join(target, 'p'));
  const before = tree();
  adopt(join(source, 'p'), join(target, 'p'), undo);
  expect(tree()).toMatchObject({ p: 'link real', 'real/a': expect.stringMatching(/^file/) });
  undo.rollback();
  expect(tree()).toEqual(before);
});

it.each(['dangling', 'existing'])('a link to a file is replaced, and what it led to is not written into: %s', (kind) => {
  const { source, target, root, undo, tree } = scene({}, { a: 'new' });
  const outside = join(root, 'outside');
  if (kind === 'existing') writeFileSync(outside, 'precious');
  symlinkSync(outside, join(target, 'a'));
  const before = tree();
  adopt(join(source, 'a'), join(target, 'a'), undo);
  expect(tree()['a']).toMatch(/^file/);
  undo.rollback();
  expect(tree()).toEqual(before);
  expect(existsSync(outside)).toBe(kind === 'existing');
});

it.each([
  ['a file where a directory is wanted', { p: '0' }, { 'p/a': '1' }],
  ['a directory where a file is wanted', { 'p/a': '0' }, { p: '1' }],
] as [string, Files, Files][])('%s is in the way', (_what, there, wanted) => {
  const { source, target, undo, tree } = scene(there, wanted);
  const before = tree();
  expect(codeOf(() => adopt(join(source, 'p'), join(target, 'p'), undo))).toBe('PLACE_FAILED');
  undo.rollback();
  expect(tree()).toEqual(before);
});

it('a failure in the middle can be taken back', () => {
  const { source, target, undo, tree } = scene({ 'p/a': 'old', 'p/z/x': '0' }, { 'p/a': 'new', 'p/b/c': '1' });
  write(source, { 'p/z': 'a file' });
  const before = tree();
  expect(codeOf(() => adopt(join(source, 'p'), join(target, 'p'), undo))).toBe('PLACE_FAILED');
  expect(undo.rollback()).toBe(true);
  expect(tree()).toEqual(before);
  mkdirSync(join(target, 'still-writable'));
});
