import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { PkgCacheError } from '../../errors.ts';
import { decodeRequirements } from './decode.ts';
import { type Line, logicalLines } from './lines.ts';
import { fileWords } from './options.ts';
import { parseArguments } from './optparse.ts';
import type { Context, Requirement } from './request.ts';
import { readEditable, readRequirement } from './requirement-line.ts';
import { splitShellWords } from './shell-words.ts';
import type { Sources } from './sources.ts';
import { OptionValues } from './values.ts';

const WEB = /^(?:https?|file):/;
const LOCK_FILE = /^pylock\.(?:[^.]+\.)?toml(?:\[[^\]]+\])?$/;
const PROCESS_FILES = /^\/(?:dev\/(?:std|fd\/)|proc\/)/;

/** What requirements files add up to. */
export interface Collected {
  readonly requirements: Requirement[];
  readonly constraints: Requirement[];
}

/** A file on its way: as named, where it is, whether it constrains, and what led to it. */
interface File {
  readonly name: string;
  readonly path: string;
  readonly constrains: boolean;
  readonly parents: readonly string[];
}

/** Reads requirements files as pip's `req_file` does, with everything they include. */
export class RequirementsReader {
  readonly collected: Collected = { requirements: [], constraints: [] };
  /** What pip warns about as it reads the files, in its words. */
  readonly warnings: string[] = [];

  constructor(
    private readonly ctx: Context,
    private readonly sources: Sources,
    /** The command's values, which options in files add to. */
    private readonly values: OptionValues,
  ) {}

  /** Reads the file named by a `-r` or `-c` of the command. Throws UNRECOGNISED where only the real pip can go on. */
  read(name: string, constrains: boolean): void {
    this.readFile({ name, path: resolve(this.ctx.cwd, name), constrains, parents: [] });
  }

  private readFile(file: File): void {
    if (WEB.test(file.name.toLowerCase())) refuse(`${file.name} is not a local file`);
    if (LOCK_FILE.test(basename(file.path))) refuse('a lock file');
    if (file.parents.includes(file.path)) refuse(`${file.path} includes itself`);
    for (const line of logicalLines(decodeRequirements(readRegular(file.path)), this.ctx.env)) this.readLine(line, file);
  }

  private readLine(line: Line, file: File): void {
    const [text, options] = splitOptions(line.text);
    const own = this.parseOptions(options);
    const comesFrom = `${file.constrains ? '-c' : '-r'} ${file.name} (line ${line.number})`;
    const editable = own.list('editables')[0];
    if (text !== '') this.add(readRequirement(text, { comesFrom, ...requirementOptions(own) }), file);
    else if (editable !== undefined) this.add(readEditable(editable, comesFrom), file);
    else if (!this.include(own, file)) this.applyOptions(own, file, line.number);
  }

  /** Format and release controls count as soon as they are parsed, wherever they stand: pip's parser shares them. */
  private parseOptions(options: string): OptionValues {
    const own = new OptionValues(this.ctx.home);
    const { given, positional } = parseArguments(splitShellWords(options), fileWords, true);
    if (positional.length > 0) refuse('words after the options of a line');
    for (const use of given) {
      own.addArgument(use);
      if (use.option.kind === 'control') this.values.addArgument(use);
      else this.values.uses.push(use);
    }
    return own;
  }

  private add(requirement: Requirement, file: File): void {
    if (!file.constrains) {
      this.collected.requirements.push(requirement);
      return;
    }
    if (requirement.extras.length > 0) refuse('a constraint with extras');
    this.collected.constraints.push(requirement);
  }

  private include(own: OptionValues, file: File): boolean {
    const requirements = own.list('requirements')[0];
    const name = requirements ?? own.list('constraints')[0];
    if (name === undefined) return false;
    if (requirements !== undefined && file.constrains) refuse('requirements in a constraints file');
    if (WEB.test(name.toLowerCase())) refuse(`${name} is not a local file`);
    const path = resolve(dirname(file.path), name);
    this.readFile({ name: path, path, constrains: requirements === undefined, parents: [...file.parents, file.path] });
    return true;
  }

  private applyOptions(own: OptionValues, file: File, number: number): void {
    if (own.list('hashes').length > 0) this.warnings.push(`${file.name} line ${number} has --hash but no requirement, and will be ignored.`);
    for (const dest of ['requireHashes', 'noRequireHashes']) if (own.flag(dest) === true) this.values.turnOn(dest);
    this.sources.addLine(own, file.path);
  }
}

/** Everything from the first word that begins with a dash is options (`break_args_options`). */
function splitOptions(text: string): [string, string] {
  const words = text.split(' ');
  const first = words.findIndex((word) => word.startsWith('-'));
  return first < 0 ? [text, ''] : [words.slice(0, first).join(' '), words.slice(first).join(' ')];
}

function requirementOptions(own: OptionValues): { hashes: readonly string[]; unsupported?: string } {
  const settings = own.list('configSettings').length > 0;
  return { hashes: own.list('hashes'), ...(settings && { unsupported: 'settings for the build' }) };
}

/** Reading a pipe (`<(…)`, /dev/stdin) would take the bytes from the real pip. */
function readRegular(path: string): Buffer {
  if (PROCESS_FILES.test(path) || statSync(path, { throwIfNoEntry: false })?.isFile() !== true) refuse(`${path} is not a regular file`);
  return readFileSync(path);
}

function refuse(reason: string): never {
  throw new PkgCacheError('UNRECOGNISED', reason);
}
