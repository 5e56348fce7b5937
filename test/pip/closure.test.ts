import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeSet, NotClosed, type Closure } from '../../src/pip/closure.ts';
import { pipKey, type PipManifest } from '../../src/pip/entry.ts';
import { findInstalled, findLeftover } from '../../src/pip/installed.ts';
import { installationOrder } from '../../src/pip/order.ts';
import type { MarkerEnvironment } from '../../src/pip/recognise/markers.ts';
import { ON_COMMAND_LINE, readRequirement } from '../../src/pip/recognise/requirement-line.ts';
import type { Request } from '../../src/pip/recognise/request.ts';

const MARKERS: MarkerEnvironment = {
  python_version: '3.12', python_full_version: '3.12.1', os_name: 'posix', sys_platform: 'linux', platform_machine: 'x86_64', platform_system: 'Linux',
  platform_release: '6.1', platform_version: '1', implementation_name: 'cpython', implementation_version: '3.12.1', platform_python_implementation: 'CPython',
};

let site: string;
beforeEach(() => {
  site = mkdtempSync(join(tmpdir(), 'pkg-cache-closure-'));
});
afterEach(() => {
  rmSync(site, { recursive: true, force: true });
});

function installed(name: string, version: string, ...requires: string[]): void {
  const info = join(site, `${name}-${version}.dist-info`);
  mkdirSync(info);
  writeFileSync(join(info, 'METADATA'), [`Name: ${name}`, `Version: ${version}`, ...requires.map((each) => `Requires-Dist: ${each}`), '', ''].join('\n'));
}

interface Given {
  readonly constraints?: readonly string[];
  readonly cached?: Readonly<Record<string, readonly string[]>>;
  /** `Requires-Python` of what is cached, by name. */
  readonly python?: Readonly<Record<string, string>>;
  readonly anyPython?: boolean;
  /** Extras that everything cached declares. */
  readonly extras?: readonly string[];
  /** Nothing that is installed counts, as with `--target`. */
  readonly elsewhere?: boolean;
  /** The version of the pip that was called. */
  readonly pip?: string;
  readonly noDeps?: boolean;
}

function close(requirements: readonly string[], { constraints = [], cached = {}, python = {}, anyPython = false, extras, elsewhere = false, pip = '26.0', noDeps = false }: Given = {}): Closure {
  const read = (text: string) => readRequirement(text, ON_COMMAND_LINE);
  const request = { requirements: requirements.map(read), constraints: constraints.map(read), noDeps, noWarnConflicts: false, ignoreRequiresPython: anyPython };
  const environment = findInstalled([site]);
  return closeSet({
    request: request as unknown as Request,
    markers: MARKERS,
    pip,
    installed: elsewhere ? new Map() : environment,
    environment,
    find: ({ name, pin }) => {
      const requiresDist = cached[`${name}==${pin}`];
      return requiresDist && ({ key: pipKey(name, pin, 'p', 'o'), version: pin, meta: { name, version: pin, requiresDist, requiresPython: python[name], providesExtra: extras } } as unknown as PipManifest);
    },
  });
}

describe('what is installed', () => {
  it('stays when it is the pin with a local label', () => {
    installed('torch', '2.1+cpu');
    expect([...close(['torch==2.1'], { cached: { 'torch==2.1': [] } }).satisfied.keys()]).toEqual(['torch']);
  });

  it('is replaced when the pin is that of a constraint, even if it meets the requirement', () => {
    installed('foo', '1.5');
    const closure = close(['foo>=1'], { constraints: ['foo==2'], cached: { 'foo==2': [] } });
    expect([...closure.satisfied.keys()]).toEqual([]);
    expect([...closure.entries.keys()]).toEqual(['foo']);
  });

  it('is for pip to warn about when it depends on something new and lacks anything at all', () => {
    installed('app', '1.0', 'foo', 'bar', 'baz; sys_platform == "win32"');
    const cached = { 'foo==2': [] };
    expect(() => close(['foo==2'], { cached })).toThrow(NotClosed);
    expect(() => close(['foo==2'], { cached, elsewhere: true })).toThrow(NotClosed);
    installed('bar', '1.0');
    expect([...close(['foo==2'], { cached }).entries.keys()]).toEqual(['foo']);
  });

  it('counts in its requires.txt as well', () => {
    mkdirSync(join(site, 'old-1.0.egg-info'));
    writeFileSync(join(site, 'old-1.0.egg-info', 'requires.txt'), 'foo<2\n\n[extra]\nbar\n');
    expect(() => close(['foo==2'], { cached: { 'foo==2': [] } })).toThrow(NotClosed);
    expect([...close(['foo==1'], { cached: { 'foo==1': [] } }).entries.keys()]).toEqual(['foo']);
  });

  it('shows what a broken install has left', () => {
    installed('foo', '1.0');
    expect(findLeftover([site])).toBeUndefined();
    mkdirSync(join(site, '~oo-1.0.dist-info'));
    expect(findLeftover([site])).toBe(join(site, '~oo-1.0.dist-info'));
  });
});

describe('extras', () => {
  const cached = { 'ext==1': ['bb; extra == "some_thing"'], 'bb==1': [] };

  it('are distributions of their own in pip’s order', () => {
    const { graph, entries } = close(['ext[some-thing]==1', 'bb==1'], { cached });
    expect(installationOrder(graph, entries.keys())).toEqual(['ext', 'bb']);
  });

  it('that are declared may be for nothing', () => {
    expect([...close(['bb[Some_Thing]==1'], { cached, extras: ['some-thing'] }).entries.keys()]).toEqual(['bb']);
  });

  it('that nothing is for are left to pip, which warns', () => {
    expect(() => close(['ext[none]==1'], { cached })).toThrow(NotClosed);
  });
});

it('what needs no Python in particular is installed before what does, as by pip, unless that is ignored', () => {
  const cached = { 'aa==1': [], 'bb==1': [], 'cc==1': [] };
  const orderWith = (given: Given): string[] => {
    const { graph, entries } = close(['aa==1', 'bb==1', 'cc==1'], { cached, python: { bb: '>=3.8', cc: '' }, ...given });
    return installationOrder(graph, entries.keys());
  };
  expect(orderWith({})).toEqual(['cc', 'aa', 'bb']);
  expect(orderWith({ anyPython: true })).toEqual(['cc', 'bb', 'aa']);
});

describe('what a pip accepts', () => {
  const cached = { 'celery==5.0.5': ['pytz (>dev)'] };

  it('has invalid dependencies refused since 24.1, also without dependencies', () => {
    expect(() => close(['celery==5.0.5'], { cached, noDeps: true })).toThrow(/version specifier|parenthesis/);
    expect([...close(['celery==5.0.5'], { cached, noDeps: true, pip: '24.0' }).entries.keys()]).toEqual(['celery']);
  });

  it.each([
    [['Dev_Tools'], 'foo[dev-tools]==1', 'bar==1; extra == "dev-tools"'],
    [['dev-tools'], 'foo[Dev_Tools]==1', 'bar==1; extra == "dev-tools"'],
    [['dev-tools'], 'foo[dev-tools]==1', "bar==1; extra == 'Dev_Tools'"],
  ])('has extras written in one way before 24.1: provided as %j, %s, %s', (extras, requirement, dependency) => {
    const given = { extras, cached: { 'foo==1': [dependency], 'bar==1': [] } };
    expect([...close([requirement], given).entries.keys()]).toEqual(['foo', 'bar']);
    expect(() => close([requirement], { ...given, pip: '23.2.1' })).toThrow(/as it is written/);
    expect(() => close([requirement], { ...given, pip: '24.0' })).toThrow(/as it is written/);
  });

  it('is the same for extras that are written in normal form everywhere', () => {
    const given = { extras: ['dev-tools', 'Other_Thing'], cached: { 'foo==1': ['bar==1; extra == "dev-tools"'], 'bar==1': [] } };
    for (const pip of ['23.0', '24.0', '26.3']) expect([...close(['foo[dev-tools]==1'], { ...given, pip }).entries.keys()]).toEqual(['foo', 'bar']);
  });

  it('has the extras of dependencies written in one way, too', () => {
    const given = { extras: ['dev-tools'], cached: { 'app==1': ['foo[Dev_Tools]==1'], 'foo==1': ['bar==1; extra == "dev-tools"'], 'bar==1': [] } };
    expect(() => close(['app==1'], { ...given, pip: '23.2.1' })).toThrow(/as it is written/);
    expect([...close(['app==1'], given).entries.keys()].sort()).toEqual(['app', 'bar', 'foo']);
  });
});
