import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interpreterNamed, interpreterOf } from '../../../src/pip/python/interpreter.ts';

let root: string;
let python: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'pkg-cache-interpreter-'));
  mkdirSync(join(root, 'bin'));
  python = join(root, 'bin', 'python3');
  copyFileSync('/bin/true', python); // nothing here runs it
  chmodSync(python, 0o755);
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

function pip(...lines: string[]): string {
  const path = join(root, 'bin', 'pip');
  writeFileSync(path, lines.join('\n'));
  return path;
}

const IMPORT = 'from pip._internal.cli.main import main';
const IF_MAIN = "if __name__ == '__main__':";
const EXIT = '    sys.exit(main())';

const scripts: readonly [string, readonly string[]][] = [
  ['distlib', ['# -*- coding: utf-8 -*-', 'import re', 'import sys', IMPORT, IF_MAIN, "    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])", EXIT]],
  ['pip 25.2', ['# -*- coding: utf-8 -*-', 'import sys', IMPORT, IF_MAIN, "    sys.argv[0] = sys.argv[0].removesuffix('.exe')", EXIT]],
  ['pip 26.3', ['import sys', 'from pip._internal.cli.main import cli', IF_MAIN, "    sys.argv[0] = sys.argv[0].removesuffix('.exe')", '    sys.exit(cli())']],
  ['uv', ['import sys', IMPORT, IF_MAIN, '    if sys.argv[0].endswith("-script.pyw"):', '        sys.argv[0] = sys.argv[0][:-11]', '    elif sys.argv[0].endswith(".exe"):', '        sys.argv[0] = sys.argv[0][:-4]', EXIT]],
];

describe('the script behind `pip`', () => {
  it.each(scripts)('is read as %s makes it', (_, lines) => {
    expect(interpreterOf(pip(`#!${python}`, ...lines, ''), {}).executable).toBe(python);
    expect(interpreterOf(pip('#!/bin/sh', `'''exec' "${python}" "$0" "$@"`, "' '''", ...lines, ''), {}).executable).toBe(python);
  });

  it.each([
    ['adds arguments', ['import sys', IMPORT, 'sys.exit(main(sys.argv[1:] + ["--target", "lib"]))']],
    ['sets a variable first', ['import os, sys', IMPORT, 'os.environ["PIP_INDEX_URL"] = "https://mirror.example/simple"', 'sys.exit(main())']],
  ])('is left alone when it %s', (_, lines) => {
    expect(() => interpreterOf(pip(`#!${python}`, ...lines, ''), {})).toThrow(/not pip's own script/);
  });
});

it('--python with `..` is left to pip, which may or may not keep it in shebangs', () => {
  expect(() => interpreterNamed('../bin/python3', join(root, 'bin'))).toThrow(/--python/);
});
