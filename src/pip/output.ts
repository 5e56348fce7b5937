import { appendFileSync } from 'node:fs';
import { normalize } from 'node:path';

export interface OutputOptions {
  /** Number of `-v` minus number of `-q`. */
  readonly verbosity: number;
  readonly color: boolean;
  /** `--log`: pip appends there whatever the verbosity. */
  readonly logFile: string | undefined;
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

/** Prints as pip's logging does: `info` on stdout unless `-q`, warnings on stderr unless `-qq` (pip/_internal/utils/logging.py). */
export class Output {
  readonly #options: OutputOptions;

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  /** Lines that only `-v` shows. */
  verbose(text: string): void {
    if (this.#options.verbosity >= 1) this.#options.stdout(`${text}\n`);
    this.#log(text);
  }

  info(text: string): void {
    if (this.#options.verbosity >= 0) this.#options.stdout(`${text}\n`);
    this.#log(text);
  }

  /** `indent`: number of blanks before each line; pip has two of them while it installs. */
  warning(text: string, indent = 0): void {
    const line = `WARNING: ${text}`.replace(/^/gm, ' '.repeat(indent));
    if (this.#options.verbosity >= -1) this.#options.stderr(this.#options.color ? `\u001b[33m${line}\u001b[0m\n` : `${line}\n`);
    this.#log(line);
  }

  #log(text: string): void {
    const { logFile } = this.#options;
    if (logFile === undefined) return;
    const time = timestamp(new Date());
    try {
      appendFileSync(logFile, text.split('\n').map((line) => `${time} ${line}\n`).join(''));
    } catch {
      // Whether the file can be written is checked before anything is served.
    }
  }
}

/** pip's time format in log files: local time, milliseconds after a comma. */
function timestamp(date: Date): string {
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString();
  return local.slice(0, -1).replace('.', ',');
}

/** A path as pip shows it: relative to the current directory where it is below that (pip/_internal/utils/misc.py, display_path). */
export function displayPath(path: string, cwd: string): string {
  return path.startsWith(`${cwd}/`) ? `.${path.slice(cwd.length)}` : path;
}

/** pip's sentence about scripts in directories that are not on PATH, or undefined (wheel.py, message_about_scripts_not_on_PATH). */
export function scriptsNotOnPath(scripts: readonly string[], directory: string, path: string): string | undefined {
  if (scripts.length === 0 || path.split(':').includes(normalize(directory))) return undefined;
  const sorted = [...scripts].sort();
  const last = sorted.pop() ?? '';
  const subject = sorted.length === 0 ? `script ${last} is` : `scripts ${sorted.join(', ')} and ${last} are`;
  const lines = [
    `The ${subject} installed in '${directory}' which is not on PATH.`,
    'Consider adding this directory to PATH or, if you prefer to suppress this warning, use --no-warn-script-location.',
  ];
  if (path.split(':').some((entry) => entry.startsWith('~'))) {
    lines.push('NOTE: The current PATH contains path(s) starting with `~`, which may not be expanded by all applications.');
  }
  return lines.join('\n');
}
