import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { confirmProject, fingerprint, guessProject, readProject } from '../../src/npm/project.ts';
import { directory, facts, requestOf, world } from './recognise/support.ts';

const LOCK = JSON.stringify({ lockfileVersion: 3, packages: { '': {}, 'node_modules/a': { version: '1.0.0' } } });

describe('the fingerprint of a project', () => {
  const root = (): string => directory({ 'package.json': '{}', 'package-lock.json': LOCK });
  const of = (project: string, line: string): string => fingerprint(readProject(project), requestOf(line, world(project), facts('12.2.0')), 'platform');

  it.each(['--dangerously-allow-all-scripts', '--ignore-scripts', '--omit=dev', '--os=darwin', '--no-bin-links', '--engine-strict'])('is another one with %s', (option) => {
    const project = root();
    expect(of(project, `ci ${option}`)).not.toBe(of(project, 'ci'));
  });

  it.each(['--no-fund', '--prefer-offline', '--loglevel=error', '--fetch-retries=9'])('is the same with %s', (option) => {
    const project = root();
    expect(of(project, `ci ${option}`)).toBe(of(project, 'ci'));
  });

  it('is that of its directory where package.json has no name, which npm writes into lockfiles', () => {
    const parent = directory(Object.fromEntries(['one', 'two'].flatMap((name) => [[`${name}/package.json`, '{}'], [`${name}/package-lock.json`, LOCK]])));
    const [one, two] = ['one', 'two'].map((name) => of(join(parent, name), 'ci'));
    expect(one).not.toBe(two);
    for (const name of ['one', 'two']) writeFileSync(join(parent, name, 'package.json'), '{"name": "three"}');
    expect(of(join(parent, 'one'), 'ci')).toBe(of(join(parent, 'two'), 'ci'));
  });
});

it('only the node_modules of the project and its workspaces are emptied, not those of other directories that it depends on', () => {
  const packages = { '': {}, 'one': { version: '1.0.0' }, 'beside': { version: '1.0.0' }, 'node_modules/one': { link: true, resolved: 'one' } };
  const files = { 'package.json': '{"workspaces": ["one"]}', 'one/package.json': '{}', 'beside/package.json': '{}', 'package-lock.json': JSON.stringify({ lockfileVersion: 3, packages }) };
  const project = readProject(directory(files));
  expect({ roots: project.roots, emptied: [...project.emptied] }).toEqual({ roots: ['', 'beside', 'one'], emptied: ['', 'one'] });
});

describe('a project that is guessed', () => {
  const lock = (packages: object): string => JSON.stringify({ lockfileVersion: 3, packages: { '': {}, ...packages } });
  const files = { 'package.json': '{"workspaces": ["one"]}', 'one/package.json': '{}', 'beside/package.json': '{"name": "beside"}' };

  it('is that project where only workspaces lie outside of node_modules, and is not read again', () => {
    const root = directory({ ...files, 'package-lock.json': lock({ one: { version: '1.0.0' }, 'node_modules/one': { link: true, resolved: 'one' } }) });
    const guess = guessProject(root);
    writeFileSync(join(root, 'package-lock.json'), lock({}));
    const project = confirmProject(guess);
    expect(project).toBe(guess);
    expect([...project.lock.packages.keys()]).toEqual(['', 'one', 'node_modules/one']);
  });

  it.each([
    ['another directory', { one: { version: '1.0.0' }, beside: { version: '1.0.0' } }, ['', 'beside', 'one']],
    ['no workspace', { beside: { version: '1.0.0' } }, undefined],
  ])('is not, where the lockfile has %s', (_what, packages, roots) => {
    const root = directory({ ...files, 'package-lock.json': lock(packages) });
    const guess = guessProject(root);
    if (roots === undefined) expect(() => confirmProject(guess)).toThrow(expect.objectContaining({ code: 'UNRECOGNISED' }));
    else expect(confirmProject(guess)).toMatchObject({ roots, lockHash: guess.lockHash });
  });

  it.each(['{', '{"lockfileVersion": 1}', '{"lockfileVersion": 3, "packages": {"node_modules/../../x": {}}}'])('is not one that can be read, where the lockfile is %s', (text) => {
    const guess = guessProject(directory({ 'package.json': '{}', 'package-lock.json': text }));
    expect(() => confirmProject(guess)).toThrow(expect.objectContaining({ code: 'UNRECOGNISED' }));
  });
});
