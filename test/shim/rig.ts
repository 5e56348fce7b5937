import { chmodSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ROOT } from '../support/install.ts';
import { run, type Outcome, type RunOptions } from '../support/run.ts';

/** The shells that `/bin/sh` may be; those that this machine has are tried. */
export const SHELLS: readonly (readonly string[])[] = [['sh'], ['dash'], ['bash', '--posix'], ['busybox', 'ash'], ['mksh']];

// An app that decides what SCENARIO says; `!` in front of a signal's name ends it by that signal.
const APP = `
import { appendFileSync, writeSync } from 'node:fs';
appendFileSync(process.env.APP_LOG, JSON.stringify({ argv: process.argv.slice(2), guard: process.env.PKG_CACHE_GUARD }) + '\\n');
const scenario = process.env.SCENARIO ?? 'exec';
const [mode] = process.argv.slice(2);
if (mode.endsWith('-continue')) { console.log('continued', process.pid); process.exit(Number(process.env.CONTINUE_STATUS ?? 0)); }
console.log('planned');
if (scenario.startsWith('!')) process.kill(process.pid, scenario.slice(1));
if (scenario === 'crash') throw new Error('crash');
if (scenario === 'slow') await new Promise((resolve) => setTimeout(resolve, 700));
writeSync(3, (scenario === 'slow' ? 'exit 0' : scenario) + '\\n');
`;

// A tool that shows everything it was given.
const TOOL = `#!${process.execPath}
const { argv, env, pid } = process;
console.log(JSON.stringify({ tool: argv[1], pid, argv: argv.slice(2), env }));
process.exitCode = Number(process.env.TOOL_STATUS || 0);
`;

/** What the tool of a rig reports of itself. */
export interface Shown {
  readonly tool: string;
  readonly pid: number;
  readonly argv: string[];
  readonly env: Record<string, string>;
}

/** A directory with an installation of the shim in front of tools that report what they see. */
export class Rig {
  readonly root = mkdtempSync(join(realpathSync(tmpdir()), 'pkg-cache-shim-'));
  readonly shims = join(this.root, 'a home/shims');
  readonly log = join(this.root, 'app.log');
  readonly app = join(this.root, "an app's/main.mjs");

  constructor() {
    this.file("an app's/main.mjs", APP, 0o644);
    writeFileSync(this.log, '');
    this.shim('a home/shims');
    this.file('real/pip', TOOL);
    this.file('real/pip3.9', TOOL);
    this.file('real/npm', TOOL);
  }

  /** Installs the shim into a directory of the rig, as install.sh does. */
  shim(directory: string, node = process.execPath, app = this.app): string {
    const baked = readFileSync(join(ROOT, 'shims/pip'), 'utf8')
      .replace(/^pkgc_node=$/m, () => `pkgc_node='${node.replaceAll("'", `'\\''`)}'`)
      .replace(/^pkgc_app=$/m, () => `pkgc_app='${app.replaceAll("'", `'\\''`)}'`);
    const path = this.file(join(directory, 'pip'), baked);
    this.file(join(directory, '.pkg-cache-shims'), '', 0o644);
    for (const name of ['pip3', 'pip3.9', 'npm']) symlinkSync('pip', join(dirname(path), name));
    return path;
  }

  /** Writes an executable file of the rig. */
  file(path: string, text: string, mode = 0o755): string {
    const full = join(this.root, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
    chmodSync(full, mode);
    return full;
  }

  /** A PATH: the shims, then directories of the rig. */
  path(...directories: string[]): string {
    return [this.shims, ...directories.map((name) => join(this.root, name))].join(':');
  }

  /** Runs a command line in a shell, `pip` being the shim. */
  run(command: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    const env = { PATH: this.path('real'), APP_LOG: this.log, ...options.env };
    return run(command[0]!, command.slice(1), { cwd: this.root, ...options, env });
  }

  /** How often the app was started, and with what. */
  started(): { argv: string[]; guard: string }[] {
    return readFileSync(this.log, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line) as { argv: string[]; guard: string });
  }

  dispose(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** The tool's report in what a command printed. */
export function shown(outcome: Outcome): Shown {
  const line = outcome.stdout.split('\n').find((text) => text.startsWith('{'));
  if (line === undefined) throw new Error(`the tool did not run: ${JSON.stringify(outcome)}`);
  return JSON.parse(line) as Shown;
}
