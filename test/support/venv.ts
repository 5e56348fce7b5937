import { createHash } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyInto } from './copy.ts';
import { once } from './once.ts';
import type { Python } from './pythons.ts';
import { mustRun } from './run.ts';

export interface VenvOptions {
  /** The version of pip, or `newest`, both from the real index; the one that Python brings if not given. */
  readonly pip?: string;
  /** As `--system-site-packages`. */
  readonly systemSite?: boolean;
}

/** A virtual environment. */
export interface Venv {
  readonly dir: string;
  readonly bin: string;
  readonly python: string;
  readonly sitePackages: string;
}

/**
 * Makes a virtual environment in `dir`, as `python -m venv` does. The seconds that this takes are spent once a run for
 * each interpreter and version of pip: then pip's files are copied, and its scripts written for the new place.
 */
export async function makeVenv(python: Python, dir: string, options: VenvOptions = {}): Promise<Venv> {
  const template = await once(`venv-${python.minor}-${options.pip ?? 'bundled'}`, (directory) => fill(python, directory, options.pip));
  const system = options.systemSite === true ? ['--system-site-packages'] : [];
  await mustRun(python.path, ['-m', 'venv', '--without-pip', ...system, dir], { env: environment() });
  const venv = layout(python, dir);
  await copyPackages(layout(python, template), venv);
  return venv;
}

function layout(python: Python, dir: string): Venv {
  const bin = join(dir, 'bin');
  return { dir, bin, python: join(bin, 'python'), sitePackages: join(dir, `lib/python${python.minor}/site-packages`) };
}

async function fill(python: Python, directory: string, pip: string | undefined): Promise<void> {
  const env = environment();
  await mustRun(python.path, ['-m', 'venv', directory], { env });
  if (pip === undefined) return;
  const wanted = pip === 'newest' ? ['--upgrade', 'pip'] : [`pip==${pip}`];
  await mustRun(layout(python, directory).python, ['-m', 'pip', 'install', '--quiet', ...wanted], { env });
}

/** The machine's environment, without what would change what Python does. */
function environment(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(PYTHON|VIRTUAL_ENV)|^PIP_(TARGET|PREFIX|USER|FIND_LINKS)$/.test(name)));
}

async function copyPackages(from: Venv, to: Venv): Promise<void> {
  await copyInto(from.sitePackages, to.sitePackages);
  const present = new Set(readdirSync(to.bin));
  for (const name of readdirSync(from.bin).filter((file) => !present.has(file))) {
    const script = readFileSync(join(from.bin, name), 'utf8').replaceAll(`${from.bin}/`, `${to.bin}/`);
    writeFileSync(join(to.bin, name), script);
    chmodSync(join(to.bin, name), statSync(join(from.bin, name)).mode & 0o777);
    for (const info of readdirSync(to.sitePackages).filter((entry) => entry.endsWith('.dist-info'))) {
      updateRecord(join(to.sitePackages, info, 'RECORD'), name, script);
    }
  }
}

/** Gives a script's row in a RECORD the hash and size that it has now. */
function updateRecord(record: string, name: string, script: string): void {
  const digest = createHash('sha256').update(script).digest('base64url');
  const lines = readFileSync(record, 'utf8').split('\r\n');
  const row = `../../../bin/${name},`;
  if (!lines.some((line) => line.startsWith(row))) return;
  const size = Buffer.byteLength(script);
  writeFileSync(record, lines.map((line) => (line.startsWith(row) ? `${row}sha256=${digest},${size}` : line)).join('\r\n'));
}
