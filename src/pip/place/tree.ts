import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, statSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Modes } from '../../cache/copy.ts';
import type { PipMeta } from '../entry.ts';
import type { Scheme } from '../python/facts.ts';
import { hashedRow, insertRows, type RecordRow } from '../record.ts';
import { generateScripts, plainShebang, type ScriptContext } from '../scripts.ts';

export interface Finishing {
  readonly meta: PipMeta;
  readonly requested: boolean;
  /** What RECORD's paths are relative to. */
  readonly recorded: Scheme;
  readonly scripts: ScriptContext;
  readonly cacheTag: string;
  readonly modes: Modes;
}

/**
 * Turns a private copy of an entry's tree into what pip would have installed for this target: scripts with the interpreter's path,
 * REQUESTED, and RECORD. `source` is the copy; nothing outside of it is touched.
 */
export function finishTree(source: string, finishing: Finishing): void {
  const { meta, requested, recorded } = finishing;
  const lib = recorded[meta.lib];
  const outside = meta.outside
    .filter((row) => row.hash !== undefined)
    .map((row): RecordRow => [relative(lib, join(recorded[row.scheme], row.path)), row.hash ?? '', row.hash === '' ? '' : String(row.size)]);
  const written = writeScripts(source, finishing);
  // Where a console script and a GUI script have one name, the second one is there, and pip's RECORD has two rows of it.
  const last = new Map(written.map(({ name, bytes }) => [name, bytes]));
  const scripts = written.map(({ name, bytes }) => hashedRow(relative(lib, join(recorded.scripts, name)), last.get(name) ?? bytes));
  const info = join(source, meta.lib, meta.distInfo);
  const marks = requested ? [writeRequested(info, meta.distInfo, finishing.modes)] : [];
  replaceFile(join(info, 'RECORD'), insertRows(readFileSync(join(info, 'RECORD'), 'utf8'), [...outside, ...scripts, ...marks]), finishing.modes.file);
}

function writeScripts(source: string, finishing: Finishing): { name: string; bytes: Buffer }[] {
  const { meta, scripts, modes } = finishing;
  const directory = join(source, 'scripts');
  const generated = generateScripts(meta.consoleScripts, meta.guiScripts, scripts).map(({ name, content }) => ({ name, bytes: Buffer.from(content) }));
  const rewritten = meta.pythonScripts.map((name) => ({ name, bytes: withShebang(join(directory, name), scripts.executable) }));
  const all = [...generated, ...rewritten];
  if (all.length > 0) mkdirSync(directory, { recursive: true });
  // distlib adds 0555 to what the umask left of 0666; pip gives its own executables the other form.
  const generatedMode = modes.file | 0o555;
  for (const { name, bytes } of generated) replaceFile(join(directory, name), bytes, generatedMode);
  for (const { name, bytes } of rewritten) {
    // One that the wheel did not mark as executable stays so.
    const { mode, mtimeMs } = statSync(join(directory, name));
    replaceFile(join(directory, name), bytes, (mode & 0o111) === 0 ? modes.file : modes.executable);
    utimesSync(join(directory, name), mtimeMs / 1000, mtimeMs / 1000);
    fitBytecode(directory, name, bytes.length, finishing);
  }
  return all;
}

/** A script's bytecode names the script's size, which the interpreter's path is part of (PEP 552: the last of four 32-bit words). */
function fitBytecode(directory: string, script: string, size: number, { cacheTag, modes }: Finishing): void {
  const path = join(directory, '__pycache__', `${script.slice(0, -'.py'.length)}.${cacheTag}.pyc`);
  if (!script.endsWith('.py') || !existsSync(path)) return;
  const bytecode = readFileSync(path);
  bytecode.writeUInt32LE(size, 12);
  replaceFile(path, bytecode, modes.file);
}

function withShebang(path: string, executable: string): Buffer {
  const bytes = readFileSync(path);
  return Buffer.concat([Buffer.from(plainShebang(executable)), bytes.subarray(bytes.indexOf(0x0a) + 1)]);
}

function writeRequested(info: string, distInfo: string, modes: Modes): RecordRow {
  replaceFile(join(info, 'REQUESTED'), '', modes.file);
  return hashedRow(`${distInfo}/REQUESTED`, '');
}

/** Writes a new file; one that is there may be a hardlink into the cache, so it is never written into. */
function replaceFile(path: string, content: string | Buffer, mode: number): void {
  if (lstatSync(path, { throwIfNoEntry: false })) unlinkSync(path);
  writeFileSync(path, content, { flag: 'wx' });
  chmodSync(path, mode);
}
