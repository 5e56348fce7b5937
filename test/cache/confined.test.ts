import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type * as Module from '../../src/cache/confined.ts';
import { codeOf, tempDir } from './support.ts';

const { platform } = process;

describe.each([...(platform === 'linux' ? ['linux'] : []), 'darwin'])('confined to a directory, as on %s', (as) => {
  let confined: typeof Module;

  beforeAll(async () => {
    vi.resetModules();
    Object.defineProperty(process, 'platform', { value: as });
    confined = await import('../../src/cache/confined.ts');
    Object.defineProperty(process, 'platform', { value: platform });
  });
  afterAll(() => vi.resetModules());

  /** A directory, and one beside it that nobody must touch. */
  function scene(): { dir: string; outside: string } {
    const root = tempDir();
    const [dir, outside] = [join(root, 'dir'), join(root, 'outside')];
    for (const each of [dir, outside]) {
      mkdirSync(join(each, 'sub'), { recursive: true });
      writeFileSync(join(each, 'sub/file'), each);
    }
    return { dir, outside };
  }

  it('removes what is there, and links but not what they lead to', () => {
    const { dir, outside } = scene();
    symlinkSync(outside, join(dir, 'sub/link'));
    confined.ConfinedDirectory.in(join(dir, 'sub'), confined.removeConfined);
    confined.ConfinedDirectory.in(join(dir, 'sub'), confined.removeConfined);
    expect([readdirSync(dir), readdirSync(join(outside, 'sub'))]).toEqual([[], ['file']]);
  });

  it.each(['dir', 'dir/sub'])('does not go by way of a link: %s', (which) => {
    const { dir, outside } = scene();
    const swapped = join(dir, '..', which);
    renameSync(swapped, join(dir, '../away'));
    symlinkSync(which === 'dir' ? outside : join(outside, 'sub'), swapped);
    expect(codeOf(() => confined.ConfinedDirectory.in(join(dir, 'sub/file'), confined.removeConfined))).toMatch(/^(ENOTDIR|ELOOP|PLACE_FAILED)$/);
    expect(readFileSync(join(outside, 'sub/file'), 'utf8')).toBe(outside);
  });

  it('stays with the directory that it has opened, or fails, when another takes its place', () => {
    const { dir, outside } = scene();
    const opened = confined.ConfinedDirectory.open(join(dir, 'sub'));
    renameSync(dir, `${dir}.away`);
    symlinkSync(outside, dir);
    expect(codeOf(() => confined.removeConfined(opened, 'file'))).toMatch(/^(ok|PLACE_FAILED)$/);
    opened.close();
    expect(readFileSync(join(outside, 'sub/file'), 'utf8')).toBe(outside);
  });

  it('makes what is missing, and moves things there', () => {
    const { dir, outside } = scene();
    const to = join(dir, 'a/b/moved');
    confined.ConfinedDirectory.in(join(outside, 'sub'), (from, name) => {
      confined.ConfinedDirectory.in(to, (parent, newName) => confined.moveConfined([from, name], [parent, newName]), { make: true });
    });
    expect([readdirSync(outside), readFileSync(join(to, 'file'), 'utf8')]).toEqual([[], outside]);
  });

  it('removes a directory only if it is the one that is meant', () => {
    const { dir, outside } = scene();
    const identity = confined.identityOf(join(dir, 'sub'))!;
    renameSync(join(outside, 'sub'), join(dir, 'other'));
    const remove = (name: string): string => codeOf(() => confined.ConfinedDirectory.in(join(dir, name), (parent, each) => confined.removeIdentified(parent, each, identity)));
    expect([remove('other'), remove('sub'), remove('sub')]).toEqual(['PLACE_FAILED', 'ok', 'ENOENT']);
    rmSync(join(dir, 'other'), { recursive: true });
  });

  it.each(['', '..', 'a/b'])('takes only the name of something in it: "%s"', (name) => {
    const opened = confined.ConfinedDirectory.open(scene().dir);
    expect(codeOf(() => opened.at(name))).toBe('PLACE_FAILED');
    opened.close();
  });
});
