import { constants, setPriority } from 'node:os';
import { PkgCacheError, systemCode } from '../errors.ts';
import { attend, isDue } from '../fleet/attend.ts';
import { doJobs, isInstalling, runBackground, type BackgroundOptions } from '../fleet/background.ts';
import { considerate } from '../fleet/pace.ts';
import { addCommand, type Command } from './command.ts';
import { add as addPackages } from './commands/add.ts';
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

/** That of this package, from the build. */
declare const VERSION: string;

/** Runs `pkg-cache ARG…`; returns the exit code: 0 done, 1 something is left or wrong, 2 the command line is. */
export async function runCli(args: readonly string[]): Promise<number> {
  try {
    if (args[0] === 'background') return await background();
    return await command(args);
  } catch (error) {
    if (!(error instanceof PkgCacheError)) return tellUnexpected(error);
    console.error(`pkg-cache: ${error.message}${error.hint === undefined ? '' : `\n  ${error.hint}`}`);
    return error.code === 'USAGE' ? 2 : 1;
  }
}

/** The system says what is wrong with the disk, say. Anything else is a mistake of ours, and where it is helps whoever looks for it. */
function tellUnexpected(error: unknown): number {
  const { message = String(error), stack = '', path } = error as Partial<NodeJS.ErrnoException>;
  const code = systemCode(error);
  if ((code === 'EACCES' || code === 'EPERM') && path !== undefined) console.error(`pkg-cache: ${path} is not for this user to change (${code})\n  run it as the user whom the cache belongs to`);
  else console.error(`pkg-cache: ${message}${code === undefined ? `\n${stack}` : ''}`);
  return 1;
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
  const names = new Set(['completion']);
  const add = <Options>(each: Command<Options>): void => {
    names.add(String(each.command).split(' ')[0] ?? '');
    addCommand(parser, each, ended);
  };
  add(bareStatus);
  add(status);
  add(explain);
  add(env);
  add(addPackages);
  add(remove);
  add(clean);
  add(verify);
  add(logs);
  add(stats);
  add(doctor);
  add(config);
  add(store);
  add(flush);
  add(warm);
  add(daemon);
  add(sync);
  add(snapshot);
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
    .version(VERSION)
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      if (error && error.name !== 'YError') throw error;
      const [word = ''] = args;
      throw misunderstood(error?.message ?? message ?? '', word, names);
    })
    .parseAsync();
  return code;
}

/** What yargs makes of a command line, in our way. */
function misunderstood(message: string, word: string, names: ReadonlySet<string>): PkgCacheError {
  if (names.has(word)) return new PkgCacheError('USAGE', message.replace(/\s*\n\s*/g, ' ').trim(), { hint: `pkg-cache ${word} --help` });
  return new PkgCacheError('USAGE', word.startsWith('-') ? message : `there is no command ${word}`, { hint: 'pkg-cache --help' });
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
