import { constants, setPriority } from 'node:os';
import { appendFileSync, mkdirSync } from 'node:fs';
import { LocalCache, assertTrustworthy } from '../cache/local.ts';
import { configFile, processEnv, readSettings } from '../config.ts';
import { PkgCacheError } from '../errors.ts';
import { runBackground, type BackgroundOptions, type Remainder } from '../fleet/background.ts';
import { isAtWork } from '../fleet/start.ts';
import { Spool } from '../fleet/spool.ts';
import type { Store } from '../store/store.ts';
import { collect as collectNpm, type CollectDetails as NpmDetails } from '../npm/collect.ts';
import { collect as collectPip } from '../pip/collect/collect.ts';
import type { CollectDetails as PipDetails } from '../pip/collect/job.ts';
import { printStatus } from './status.ts';

/** What the commands work on. */
interface World {
  readonly cacheDir: string;
  readonly cache: LocalCache;
  readonly spool: Spool;
  readonly background: BackgroundOptions;
}

/** Runs `pkg-cache ARG…`; returns the exit code: 0 done, 1 something is left or wrong, 2 the command line is. */
export async function runCli(args: readonly string[]): Promise<number> {
  try {
    if (args[0] === 'background') return await background();
    return await command(args);
  } catch (error) {
    if (!(error instanceof PkgCacheError)) throw error;
    console.error(`pkg-cache: ${error.message}${error.hint === undefined ? '' : `\n  ${error.hint}`}`);
    return 1;
  }
}

async function command(args: readonly string[]): Promise<number> {
  const { default: yargs } = await import('yargs');
  let code = 0;
  await yargs([...args])
    .scriptName('pkg-cache')
    .usage('$0 <command>\n\nShows and steers the cache behind the pip shim.')
    .command(
      ['status', '$0'],
      'Show what is in the local cache, and what waits to be stored',
      (command) =>
        command
          .option('json', { type: 'boolean', default: false, describe: 'Print JSON' })
          .example('$0 status', 'a table: status, package, origin, path')
          .example('$0 status --json', 'the same for programs'),
      ({ json }) => {
        const { cacheDir, cache, spool } = openWorld();
        printStatus({ cacheDir, cache, spool, json, print: (line) => console.log(line) });
      },
    )
    .command(
      'flush',
      'Wait until everything that waits to be stored has been stored',
      (command) => command.example('$0 flush', 'before a worker is thrown away; exit 1 if something is left'),
      async () => {
        code = await flush();
      },
    )
    .demandCommand()
    .strict()
    .help()
    .version(false)
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined, parser) => {
      if (error) throw error;
      console.error(`${message ?? ''}\n`);
      parser.showHelp();
      code = 2;
    })
    .parseAsync();
  return code;
}

/** How long nothing may get on before `flush` gives up, in milliseconds. */
const STANDSTILL = 60_000;

/** Does what is spooled, or waits while another process does it. */
async function flush(): Promise<number> {
  const { background: options, cache } = openWorld({ afresh: true });
  let left = await runBackground(options);
  let progress = Date.now();
  while (left.waiting + left.uploads.length > 0 && left.problem === undefined && Date.now() - progress < STANDSTILL) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    if (isAtWork(cache)) progress = Date.now();
    left = await runBackground(options);
  }
  if (left.waiting + left.uploads.length === 0) return 0;
  console.error(`pkg-cache: ${describeRemainder(left)}. Nothing is lost: the next install or flush tries again.`);
  return 1;
}

function describeRemainder({ waiting, uploads, problem }: Remainder): string {
  const parts = [
    ...(uploads.length > 0 ? [`${uploads.length} not stored yet`] : []),
    ...(waiting > 0 ? [`${waiting} jobs not done yet`] : []),
  ];
  return `${parts.join(', ')}${problem === undefined ? '' : `: ${problem}`}`;
}

async function background(): Promise<number> {
  setPriority(constants.priority.PRIORITY_LOW);
  const { background: options } = openWorld();
  await runBackground(options);
  return 0;
}

/** `afresh`: a store that failed a moment ago is tried all the same. */
function openWorld({ afresh = false } = {}): World {
  process.umask(0o022);
  const env = processEnv();
  const settings = readSettings(env, configFile());
  if (settings.cacheDir === undefined) {
    throw new PkgCacheError('CONFIG', 'no cache is configured', { hint: 'set PKG_CACHE_DIR, or run install.sh' });
  }
  const { cacheDir, store } = settings;
  assertTrustworthy(cacheDir, process.getuid?.());
  const cache = new LocalCache(cacheDir);
  mkdirSync(cache.path('state'), { recursive: true });
  const spool = new Spool(cache);
  const openStore = async (location: string): Promise<Store> => {
    const { openSharedStore } = await import('../fleet/remote.ts');
    return await openSharedStore(cache, location, env, { afresh });
  };
  const log = (message: string): void => appendFileSync(cache.path('state', 'background.log'), `${new Date().toISOString()} ${process.pid} ${message}\n`);
  const collectors: BackgroundOptions['collectors'] = {
    pip: (into, details, willCreate) => collectPip(into, details as PipDetails, willCreate),
    npm: (into, details, willCreate) => collectNpm(into, details as NpmDetails, willCreate),
  };
  return { cacheDir, cache, spool, background: { cache, spool, openStore: store === undefined ? undefined : () => openStore(store), collectors, log } };
}
