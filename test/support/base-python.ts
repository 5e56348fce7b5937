import { chmodSync, copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execFileSync } from 'node:child_process';
import type { Python } from './pythons.ts';
import type { Venv } from './venv.ts';

/**
 * Makes an installation of Python of one's own in `dir`, which is no virtual environment: a copy of the interpreter, links to its
 * standard library, and its pip in a site directory of its own. Takes no copy of the machine's Python, and leaves it alone.
 */
export function makeBasePython({ path, minor }: Python, dir: string, site = `lib/python${minor}/site-packages`): Venv {
  const [stdlib = '', packages = ''] = ask(path, 'import os, sysconfig, pip; print(sysconfig.get_path("stdlib")); print(os.path.dirname(pip.__path__[0]))');
  const bin = join(dir, 'bin');
  const lib = join(dir, `lib/python${minor}`);
  const sitePackages = join(dir, site);
  for (const directory of [bin, lib, sitePackages]) mkdirSync(directory, { recursive: true });
  const python = join(bin, `python${minor}`);
  copyFileSync(path, python);
  for (const name of readdirSync(stdlib).filter((each) => each !== 'site-packages')) symlinkSync(join(stdlib, name), join(lib, name));
  for (const name of readdirSync(join(dirname(stdlib))).filter((each) => each.startsWith('libpython'))) {
    symlinkSync(join(dirname(stdlib), name), join(dir, 'lib', name));
  }
  for (const name of readdirSync(packages).filter((each) => /^pip\b/.test(each))) cpSync(join(packages, name), join(sitePackages, name), { recursive: true });
  writePipScript(join(bin, 'pip'), python);
  return { dir, bin, python, sitePackages };
}

/** A console script as pip 23 makes it. */
export function writePipScript(path: string, python: string): void {
  const lines = [`#!${python}`, '# -*- coding: utf-8 -*-', 'import re', 'import sys', 'from pip._internal.cli.main import main'];
  const main = ["if __name__ == '__main__':", "    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])", '    sys.exit(main())'];
  writeFileSync(path, `${[...lines, ...main].join('\n')}\n`);
  chmodSync(path, 0o755);
}

function ask(python: string, code: string): string[] {
  return execFileSync(python, ['-I', '-c', code], { encoding: 'utf8' }).split('\n');
}

/** A Python with Debian's patches of sysconfig, and a pip; undefined where there is none. */
export function debianPython(): Python | undefined {
  try {
    const code = 'import sys, sysconfig, pip; sysconfig.get_paths("deb_system"); print("%d.%d" % sys.version_info[:2])';
    const minor = execFileSync('/usr/bin/python3', ['-I', '-c', code], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    return { minor, path: `/usr/bin/python${minor}` };
  } catch {
    return undefined;
  }
}

/** Puts a copy of the pip in `sitePackages` into `directory`, whose console scripts begin with `# made by another pip`. */
export function makeOtherPip(sitePackages: string, directory: string): void {
  mkdirSync(directory, { recursive: true });
  execFileSync('cp', ['-a', join(sitePackages, 'pip'), directory]);
  const wheel = join(directory, 'pip/_internal/operations/install/wheel.py');
  const text = readFileSync(wheel, 'utf8');
  const maker = 'class PipScriptMaker(ScriptMaker):\n';
  if (!text.includes(maker)) throw new Error('a pip that makes scripts in another way');
  const template = '    script_template = "# made by another pip\\nfrom %(module)s import %(import_name)s\\n%(func)s()\\n"\n';
  writeFileSync(wheel, text.replace(maker, maker + template));
}
