import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gitPlaces } from '../../../src/npm/built/git.ts';
import { directory, fill } from '../recognise/support.ts';

function hasGit(): boolean {
  try {
    return execFileSync('git', ['--version'], { stdio: 'ignore' }) !== undefined;
  } catch {
    return false;
  }
}

describe('where git keeps hooks', () => {
  const home = '/nowhere';

  it('is nowhere without a repository, and in .git of the nearest directory above', () => {
    const root = directory({ 'repo/.git/config': '', 'repo/packages/one/': '', 'plain/': '' });
    expect(gitPlaces(join(root, 'plain'), home)).toEqual({ directories: [], files: [] });
    const expected = { directories: [join(root, 'repo/.git/hooks')], files: [join(root, 'repo/.git/config'), join(root, 'repo/.git/config.worktree')] };
    for (const path of ['repo', 'repo/packages/one']) expect(gitPlaces(join(root, path), home)).toEqual(expected);
  });

  it('is where core.hooksPath says, of the repository or of the user', () => {
    const root = directory({ 'repo/.git/config': '[core]\n\tbare = false\n\thooksPath = .husky/_\n', 'home/.gitconfig': '[user]\nname = me\n[core]\nhookspath = "~/hooks" # mine\n' });
    const { directories } = gitPlaces(join(root, 'repo'), join(root, 'home'));
    expect(directories).toEqual(['repo/.git/hooks', 'repo/.husky/_', 'home/hooks'].map((path) => join(root, path)));
  });

  it.skipIf(!hasGit())('is where git itself says, in a worktree and in a submodule (needs git)', () => {
    const root = directory({ 'main/file': '', 'sub/file': '' });
    const git = (cwd: string, ...args: string[]): string => execFileSync('git', ['-c', 'user.name=x', '-c', 'user.email=x@x', '-c', 'protocol.file.allow=always', ...args], { cwd: join(root, cwd), encoding: 'utf8', env: { PATH: process.env['PATH'], HOME: root } }).trim();
    for (const repo of ['main', 'sub']) for (const args of [['init', '-q'], ['add', '.'], ['commit', '-qm', 'x']]) git(repo, ...args);
    git('main', 'worktree', 'add', '-q', '../tree');
    git('main', 'submodule', 'add', '-q', join(root, 'sub'), 'inner');
    for (const place of ['main', 'tree', 'main/inner']) {
      fill(join(root, place), { 'below/': '' });
      const hooks = join(root, place, git(place, 'rev-parse', '--git-path', 'hooks'));
      expect(gitPlaces(join(root, place, 'below'), root).directories).toContain(git(place, 'rev-parse', '--git-path', 'hooks').startsWith('/') ? git(place, 'rev-parse', '--git-path', 'hooks') : hooks);
    }
  });
});
