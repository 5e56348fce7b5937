import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, renameSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { MEMORY, scene, twoDisks, write } from './support.ts';

/** Changes a target in every way there is. */
function changed() {
  const state = scene({ 'old/a': '1', 'old/b': '2', gone: '3' });
  const before = state.tree();
  const { undo, target } = state;
  undo.setAside(join(target, 'gone'));
  undo.setAside(join(target, 'old'));
  undo.makeDirectory(join(target, 'deep/er/new'));
  undo.creates(join(target, 'deep/er/new/file'));
  write(target, { 'deep/er/new/file': '4' });
  undo.creates(join(target, 'tree'));
  write(target, { 'tree/x/y': '5' });
  return { ...state, before };
}

it('takes all back, in reverse', () => {
  const { undo, tree, before } = changed();
  expect(tree()).not.toEqual(before);
  expect(undo.rollback()).toBe(true);
  expect(tree()).toEqual(before);
  expect(undo.rollback()).toBe(true);
  expect(tree()).toEqual(before);
});

it('another process takes all back, from the journal', () => {
  const { recover, tree, before } = changed();
  expect(recover()).toBe(true);
  expect(tree()).toEqual(before);
  expect(recover()).toBe(true);
  expect(tree()).toEqual(before);
});

it('what was noted and not yet done is no obstacle', () => {
  const { undo, target, lines, recover, tree } = scene({ keep: '1' });
  const before = tree();
  undo.creates(join(target, 'never'));
  lines.push({ directory: join(target, 'never-made') }, { aside: join(target, 'keep'), stored: '0' });
  expect(recover()).toBe(true);
  expect(tree()).toEqual(before);
});

it('is not taken back twice: what was set aside is back where its successor was', () => {
  const { undo, target, recover, tree } = scene({ a: 'old' });
  const before = tree();
  undo.setAside(join(target, 'a'));
  undo.creates(join(target, 'a'));
  write(target, { a: 'new' });
  for (let round = 0; round < 3; round++) {
    expect(recover()).toBe(true);
    expect(tree()).toEqual(before);
  }
});

it('leaves a directory that others have put something into', () => {
  const { undo, target, before, tree } = changed();
  write(target, { 'deep/theirs': '' });
  expect(undo.rollback()).toBe(true);
  const { deep, 'deep/theirs': theirs, ...rest } = tree();
  expect(rest).toEqual(before);
  expect([deep, theirs]).toEqual([expect.stringMatching(/^directory/), expect.stringMatching(/^file/)]);
});

it('what cannot be brought back is said, and the rest is', () => {
  const { undo, target, workshop, tree } = changed();
  writeFileSync(join(target, 'old'), 'somebody was here');
  expect(undo.rollback()).toBe(false);
  expect(Object.keys(tree())).toEqual(['gone', 'old']);
  expect(readdirSync(join(workshop, 'attic'))).toEqual(['1']);
});

it('brings things back to a place that is gone meanwhile', () => {
  const { undo, target } = scene({ 'a/b/c': '1' });
  undo.setAside(join(target, 'a/b/c'));
  renameSync(join(target, 'a'), join(target, 'moved'));
  expect(undo.rollback()).toBe(true);
  expect(existsSync(join(target, 'a/b/c'))).toBe(true);
});

it('makes directories with the mode that was asked for', () => {
  const { undo, target } = scene({});
  mkdirSync(join(target, 'there'), { mode: 0o700 });
  undo.makeDirectory(join(target, 'there/new'));
  expect(['there', 'there/new'].map((path) => (statSync(join(target, path)).mode & 0o777).toString(8))).toEqual(['700', '755']);
});

describe.skipIf(!twoDisks)('what cannot be renamed into the workshop (a bind mount, a lower layer of overlayfs) is copied', () => {
  /** A target from which things of every kind were set aside on another file system. */
  function moved() {
    const state = scene({ 'p/a.py': '1', 'p/tool': '2' }, {}, { workshops: MEMORY });
    const { target, undo } = state;
    chmodSync(join(target, 'p/tool'), 0o750);
    utimesSync(join(target, 'p/a.py'), 1_600_000_000, 1_600_000_000);
    symlinkSync('nowhere', join(target, 'p/link'));
    mkdirSync(join(target, 'empty/er'), { recursive: true, mode: 0o700 });
    const before = state.tree();
    for (const path of ['p/a.py', 'p/tool', 'p/link', 'empty']) undo.setAside(join(target, path));
    return { ...state, before };
  }

  it.each<[string, (state: ReturnType<typeof moved>) => boolean]>([
    ['by the process itself', ({ undo }) => undo.rollback()],
    ['by the next', ({ recover }) => recover()],
  ])('and brought back %s', (_whom, takeBack) => {
    const state = moved();
    expect(Object.keys(state.tree())).toEqual(['p']);
    expect(takeBack(state)).toBe(true);
    expect(state.tree()).toEqual(state.before);
    expect(statSync(join(state.target, 'p/a.py')).mtimeMs).toBe(1_600_000_000_000);
    expect(readdirSync(join(state.workshop, 'attic'))).toEqual([]);
  });

  it('and stays aside where somebody has put something in its place', () => {
    const { undo, target, workshop } = moved();
    writeFileSync(join(target, 'p/tool'), 'theirs');
    expect(undo.rollback()).toBe(false);
    expect(lstatSync(join(target, 'p/tool')).size).toBe(6);
    expect(readdirSync(join(workshop, 'attic'))).toEqual(['1']);
  });
});
