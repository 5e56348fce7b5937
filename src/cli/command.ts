import type { ArgumentsCamelCase, Argv } from 'yargs';

/** One `pkg-cache` command: what yargs calls a command module, but that `run` says how it ended. */
export interface Command<Options> {
  /** As yargs writes it: the name, positionals, and `$0` among the names of the default. */
  readonly command: string | readonly string[];
  /** One line of the list of commands; false: it is not listed. */
  readonly describe: string | false;
  /** Declares options, positionals and examples. */
  readonly builder: (argv: Argv) => Argv<Options>;
  /** What its exit codes say, for its help. 2, a command line that cannot be understood, goes without saying. */
  readonly exits: string;
  /** What else there is to know, for its help. An empty line begins a paragraph; other ends of lines are blanks. */
  readonly notes?: string;
  /** The exit code: 0 done, 1 something is left or wrong. Errors of ours are told by whoever calls. */
  readonly run: (options: ArgumentsCamelCase<Options>) => number | Promise<number>;
}

/** Adds a command to a parser; `ended` is told its exit code. */
export function addCommand<Options>(parser: Argv, { command, describe, builder, exits, notes, run }: Command<Options>, ended: (code: number) => void): Argv {
  const handler = async (options: ArgumentsCamelCase<Options>): Promise<void> => ended(await run(options));
  const codes = `Exit codes: ${exits}${/\b2 /.test(exits) ? '' : '; 2 the command line cannot be understood'}.`;
  const epilogue = notes === undefined ? codes : `${paragraphs(notes)}\n\n${codes}`;
  const complete = (argv: Argv): Argv<Options> => builder(argv).epilogue(epilogue);
  return describe === false ? parser.command(command, false, complete, handler) : parser.command(command, describe, complete, handler);
}

function paragraphs(text: string): string {
  return text.split('\n\n').map((paragraph) => paragraph.replaceAll('\n', ' ')).join('\n');
}
