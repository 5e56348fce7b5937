import { describe, expect, it } from 'vitest';
import { fingerprint, readProject } from '../../src/npm/project.ts';
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
});

it('only the node_modules of the project and its workspaces are emptied, not those of other directories that it depends on', () => {
  const packages = { '': {}, 'one': { version: '1.0.0' }, 'beside': { version: '1.0.0' }, 'node_modules/one': { link: true, resolved: 'one' } };
  const files = { 'package.json': '{"workspaces": ["one"]}', 'one/package.json': '{}', 'beside/package.json': '{}', 'package-lock.json': JSON.stringify({ lockfileVersion: 3, packages }) };
  const project = readProject(directory(files));
  expect({ roots: project.roots, emptied: [...project.emptied] }).toEqual({ roots: ['', 'beside', 'one'], emptied: ['', 'one'] });
});
