import { constants, setPriority } from 'node:os';
import { PkgCacheError } from '../errors.ts';
import { runBackground } from '../fleet/background.ts';
import { addCommand } from './command.ts';
import { clean } from './commands/clean.ts';
import { config } from './commands/config.ts';
import { explain } from './commands/explain.ts';
import { flush } from './commands/flush.ts';
import { logs } from './commands/logs.ts';
import { remove } from './commands/remove.ts';
import { snapshot } from './commands/snapshot.ts';
import { stats } from './commands/stats.ts';
import { bareStatus, status } from './commands/status.ts';
import { verify } from './commands/verify.ts';
import { warm } from './commands/warm.ts';
import { endQuietlyWithReader } from './terminal.ts';
import { openWorld } from './world.ts';

/** Runs `pkg-cache ARG…`; returns the exit code: 0 done, 1 something is left or wrong, 2 the command line is. */
export async function runCli(args: readonly string[]): Promise<number> {
  try {
    if (args[0] === 'background') return await background();
    return await command(args);
  } catch (error) {
    if (!(error instanceof PkgCacheError)) throw error;
    console.error(`pkg-cache: ${error.message}${error.hint === undefined ? '' : `\n  ${error.hint}`}`);
    return error.code === 'USAGE' ? 2 : 1;
  }
}

async function command(args: readonly string[]): Promise<number> {
  endQuietlyWithReader();
  const { default: yargs } = await import('yargs');
  let code = 0;
  const ended = (result: number): void => {
    code = result;
  };
  const parser = yargs([...args])
    .parserConfiguration({ 'populate--': true, 'parse-numbers': false, 'parse-positional-numbers': false })
    .wrap(Math.min(100, process.stdout.columns ?? 100))
    .scriptName('pkg-cache')
    .usage('$0 <command>\n\nShows and steers the cache behind the pip and npm shims.');
  addCommand(parser, bareStatus, ended);
  addCommand(parser, status, ended);
  addCommand(parser, explain, ended);
  addCommand(parser, remove, ended);
  addCommand(parser, clean, ended);
  addCommand(parser, verify, ended);
  addCommand(parser, logs, ended);
  addCommand(parser, stats, ended);
  addCommand(parser, config, ended);
  addCommand(parser, flush, ended);
  addCommand(parser, warm, ended);
  addCommand(parser, snapshot, ended);
  await parser
    .demandCommand()
    .strict()
    .completion('completion', 'Print a script that completes commands in a shell')
    .help()
    .version(false)
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined, failed) => {
      if (error) throw error;
      console.error(`${message ?? ''}\n`);
      failed.showHelp();
      code = 2;
    })
    .parseAsync();
  return code;
}

async function background(): Promise<number> {
  setPriority(constants.priority.PRIORITY_LOW);
  const { background: options } = openWorld();
  await runBackground(options);
  return 0;
}
