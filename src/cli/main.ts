import { constants, setPriority } from 'node:os';
import { PkgCacheError } from '../errors.ts';
import { attend, isDue } from '../fleet/attend.ts';
import { doJobs, isInstalling, runBackground, type BackgroundOptions } from '../fleet/background.ts';
import { considerate } from '../fleet/pace.ts';
import { addCommand } from './command.ts';
import { add } from './commands/add.ts';
import { clean } from './commands/clean.ts';
import { config } from './commands/config.ts';
import { daemon } from './commands/daemon.ts';
import { doctor } from './commands/doctor.ts';
import { env } from './commands/env.ts';
import { explain } from './commands/explain.ts';
import { flush } from './commands/flush.ts';
import { logs } from './commands/logs.ts';
import { remove } from './commands/remove.ts';
import { snapshot } from './commands/snapshot.ts';
import { stats } from './commands/stats.ts';
import { bareStatus, status } from './commands/status.ts';
import { store } from './commands/store.ts';
import { sync } from './commands/sync.ts';
import { verify } from './commands/verify.ts';
import { warm } from './commands/warm.ts';
import type { FleetWorld } from './fleet-world.ts';
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
  addCommand(parser, env, ended);
  addCommand(parser, add, ended);
  addCommand(parser, remove, ended);
  addCommand(parser, clean, ended);
  addCommand(parser, verify, ended);
  addCommand(parser, logs, ended);
  addCommand(parser, stats, ended);
  addCommand(parser, doctor, ended);
  addCommand(parser, config, ended);
  addCommand(parser, store, ended);
  addCommand(parser, flush, ended);
  addCommand(parser, warm, ended);
  addCommand(parser, daemon, ended);
  addCommand(parser, sync, ended);
  addCommand(parser, snapshot, ended);
  parser.completion('completion', 'Print a script that completes commands in a shell');
  // With `exitProcess(false)` yargs would go on, and not know the command that it has just obeyed.
  if (args[0] === 'completion') {
    parser.showCompletionScript();
    return 0;
  }
  await parser
    .demandCommand()
    .strict()
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
  const { background: options, fleet, settings } = openWorld();
  await runBackground(options, () => attendIfDue(options, settings.offline ? undefined : fleet));
  return 0;
}

/** A worker that is thrown away after its first install needs nothing of the fleet: the first interval begins with that. */
async function attendIfDue(options: BackgroundOptions, world: FleetWorld | undefined): Promise<void> {
  if (!world || world.state.begin() || !isDue(world.settings, world.state)) return;
  const pace = considerate({ isBusy: () => isInstalling(options), tend: () => void doJobs(options), signal: new AbortController().signal });
  const { fleet, close } = await world.open(pace);
  try {
    await attend(fleet);
  } finally {
    close();
  }
}
