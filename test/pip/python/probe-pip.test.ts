import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { askPip } from '../../../src/pip/python/facts.ts';
import { pythons } from '../../support/pythons.ts';

function run(python: string, code: string): string {
  return execFileSync(python, ['-I', '-B', '-c', code], { encoding: 'utf8' });
}

/** The directory that holds an interpreter's own pip. */
function homeOfPip(python: string): string {
  return run(python, 'import os, pip; print(os.path.dirname(os.path.dirname(pip.__file__)), end="")');
}

const TEMPLATE = 'from pip._internal.operations.install.wheel import PipScriptMaker; print(PipScriptMaker.script_template, end="")';

describe('what a pip says about itself', () => {
  it.each(pythons().map(({ minor, path }): [string, string] => [minor, path]))('is, for that of CPython %s, what importing it tells', (_minor, python) => {
    const facts = askPip(python, homeOfPip(python), process.env);
    expect(facts.scriptTemplate).toBe(run(python, TEMPLATE));
    expect(facts.rootWarning).toMatch(/^Running pip as the 'root' user .*https:\S*$|^Running pip as the 'root' user .*warning\.$/);
  });

  it('is asked of pip itself where its sources are written in another way', () => {
    const { path: python } = pythons().at(-1)!;
    const home = mkdtempSync(join(tmpdir(), 'pkg-cache-pip-'));
    onTestFinished(() => rmSync(home, { recursive: true, force: true }));
    cpSync(join(homeOfPip(python), 'pip'), join(home, 'pip'), { recursive: true });
    const source = join(home, 'pip/_internal/operations/install/wheel.py');
    const maker = /^class PipScriptMaker\(ScriptMaker\):$/m;
    const text = readFileSync(source, 'utf8');
    expect(text).toMatch(maker);
    writeFileSync(source, `${text}\nPipScriptMaker.script_template = "changed afterwards"\n`.replace(maker, '$&\n    script_template = "".join(["made", " up"])'));
    expect(askPip(python, home, process.env).scriptTemplate).toBe('changed afterwards');
  });
});
