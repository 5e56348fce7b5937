import type { EntryPoint } from './entry.ts';

/** What decides the bytes of generated scripts. */
export interface ScriptContext {
  /** `sys.executable` of the target. */
  readonly executable: string;
  readonly platform: string;
  /** distlib's template, as the running pip has it. */
  readonly template: string;
  /** Major and minor version of the target's Python. */
  readonly pythonVersion: readonly [number, number];
}

/** A script that pip generates from an entry point. */
export interface GeneratedScript {
  readonly name: string;
  readonly content: string;
}

/** The longest interpreter line that kernels take, with `#!` and the newline (distlib, _build_shebang). */
const MAX_SHEBANG = { darwin: 512, other: 127 };

/** The console and GUI scripts of a distribution, as pip and distlib generate them on POSIX. */
export function generateScripts(consoleScripts: readonly EntryPoint[], guiScripts: readonly EntryPoint[], context: ScriptContext): GeneratedScript[] {
  const points = [...versionedScripts(consoleScripts, context.pythonVersion), ...guiScripts];
  return points.map((point) => ({ name: point.name, content: scriptContent(point, context) }));
}

function scriptContent({ value }: EntryPoint, { executable, platform, template }: ScriptContext): string {
  const parsed = CALLABLE.exec(value);
  const module = parsed?.[1] ?? '';
  const func = parsed?.[2] ?? '';
  const importName = func.split('.')[0] ?? '';
  const body = template
    .replaceAll('%(module)s', module)
    .replaceAll('%(import_name)s', importName)
    .replaceAll('%(func)s', func)
    .replaceAll('%%', '%');
  return `${shebang(executable, platform)}${body}`;
}

/** `module:attribute [extras]`, as distlib's ENTRY_RE has it (distlib/util.py). */
const CALLABLE = /^(\w+(?:\.\w+)*):(\w+(?:\.\w+)*)\s*(?:\[[^[\]]*\])?$/;

/** Whether pip makes a script of an entry point in the way that `generateScripts` does; others are for the real pip to judge. */
export function isPlainEntryPoint({ name, value }: EntryPoint): boolean {
  return /^[\w.+-]+$/.test(name) && name !== '.' && name !== '..' && CALLABLE.test(value);
}

function shebang(executable: string, platform: string): string {
  const limit = platform === 'darwin' ? MAX_SHEBANG.darwin : MAX_SHEBANG.other;
  const length = Buffer.byteLength(executable) + 3;
  return executable.includes(' ') || length > limit ? longShebang(executable) : plainShebang(executable);
}

/** A line that both sh and Python accept. distlib quotes an executable with spaces before it builds this. */
function longShebang(executable: string): string {
  const quoted = executable.includes(' ') ? `"${executable}"` : executable;
  return `#!/bin/sh\n'''exec' ${quoted} "$0" "$@"\n' '''\n`;
}

/** The first line of a `.data/scripts` script: a plain rewrite, whatever the length (pip, fix_script). */
export function plainShebang(executable: string): string {
  return `#!${executable}\n`;
}

/**
 * pip and easy_install get scripts for the running version instead of those baked into the wheel (pip, get_console_script_specs).
 */
function versionedScripts(points: readonly EntryPoint[], [major, minor]: readonly [number, number]): EntryPoint[] {
  let rest = [...points];
  const versioned: EntryPoint[] = [];
  const pip = rest.find((point) => point.name === 'pip');
  if (pip) {
    versioned.push(...['pip', `pip${major}`, `pip${major}.${minor}`].map((name) => ({ name, value: pip.value })));
    rest = rest.filter(({ name }) => !/^pip(\d+(\.\d+)?)?$/.test(name));
  }
  const easyInstall = rest.find((point) => point.name === 'easy_install');
  if (easyInstall) {
    versioned.push(...['easy_install', `easy_install-${major}.${minor}`].map((name) => ({ name, value: easyInstall.value })));
    rest = rest.filter(({ name }) => !/^easy_install(-\d+\.\d+)?$/.test(name));
  }
  return [...versioned, ...rest];
}

/** pip keeps them in a dictionary (get_entrypoints in pip/_internal/operations/install/wheel.py). */
function lastOfEachName(points: readonly EntryPoint[] = []): EntryPoint[] {
  return [...new Map(points.map((point) => [point.name, point])).values()];
}

/** Reads the two script groups of `entry_points.txt` (an INI file; entry points specification). */
export function parseEntryPoints(text: string): { console: EntryPoint[]; gui: EntryPoint[] } {
  const groups = new Map<string, EntryPoint[]>();
  let group = '';
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const section = /^\[(.*)\]$/.exec(line)?.[1];
    if (section !== undefined) {
      group = section.trim();
      continue;
    }
    const equals = line.indexOf('=');
    if (equals === -1) continue;
    const points = groups.get(group) ?? [];
    points.push({ name: line.slice(0, equals).trim(), value: line.slice(equals + 1).trim() });
    groups.set(group, points);
  }
  return { console: lastOfEachName(groups.get('console_scripts')), gui: lastOfEachName(groups.get('gui_scripts')) };
}
