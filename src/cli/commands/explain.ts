import { basename } from 'node:path';
import type { InstallContext } from '../../context.ts';
import { homeDirectory } from '../../config.ts';
import { PkgCacheError } from '../../errors.ts';
import type { Explained, Explanation } from '../../explanation.ts';
import { explain as explainNpm } from '../../npm/explain.ts';
import { explain as explainPip } from '../../pip/explain.ts';
import type { Command } from '../command.ts';
import { standardOutput, type Colour, type Printer } from '../terminal.ts';
import { realTool } from '../tools.ts';
import { openWorld, type World } from '../world.ts';

interface Options {
  readonly json: boolean;
  /** What follows `--`. */
  readonly '--'?: readonly string[] | undefined;
}

const NOTES = `Nothing is installed, downloaded or cached, and nothing counts as used. The store is asked what it has.`;

export const explain: Command<Options> = {
  command: 'explain',
  describe: 'Say what an install would take from the cache, what not, and why',
  builder: (argv) =>
    argv
      .usage('$0 explain [--json] -- pip install ARG…\n$0 explain [--json] -- npm ci\n\nSays what an install would take from the cache, what not, and why.')
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' })
      .example('$0 explain -- pip install -r requirements.txt', 'each requirement: hit or miss, and why')
      .example('$0 explain -- npm ci', 'for the project in this directory')
      .example('$0 explain --json -- pip --python .venv install flask==3.1.0', 'for programs'),
  exits: '0 all of it would be served, 1 the real tool would run',
  notes: NOTES,
  run: async ({ '--': commandLine = [], json }) => {
    const [tool, ...args] = commandLine.map(String);
    if (tool === undefined) throw new PkgCacheError('USAGE', 'no command to explain', { hint: 'write it behind `--`: pkg-cache explain -- pip install -r requirements.txt' });
    const explanation = await explainCommand(basename(tool), args, openWorld());
    const printer = standardOutput();
    if (json) printer.line(JSON.stringify(explanation, null, 2));
    else print(explanation, printer);
    printer.flush();
    return explanation.decision === 'served' ? 0 : 1;
  },
};

async function explainCommand(name: string, argv: readonly string[], world: World): Promise<Explanation> {
  const ecosystem = name === 'npm' ? 'npm' : /^pip(?:3(?:\.\d+)?)?$/.test(name) ? 'pip' : undefined;
  if (ecosystem === undefined) throw new PkgCacheError('USAGE', `${name} is neither pip nor npm`);
  const tool = realTool(name, world.env);
  if (tool === undefined) throw new PkgCacheError('USAGE', `there is no ${name} on PATH`);
  const context = contextFor(tool, argv, world);
  return await (ecosystem === 'pip' ? explainPip(context) : explainNpm(context));
}

/** As an install's, but that nothing can be done with it. */
function contextFor(tool: string, argv: readonly string[], { env, settings, cache, policy, openRemote }: World): InstallContext {
  const impossible = (): never => {
    throw new Error('explain does nothing');
  };
  return {
    tool,
    argv: argv.filter((argument) => argument !== '--no-pkg-caching'),
    env,
    cwd: process.cwd(),
    home: homeDirectory(),
    platform: process.platform,
    owner: { uid: process.getuid?.() ?? 0, gid: process.getegid?.() ?? 0, umask: 0o022 },
    isTerminal: false,
    cache,
    policy,
    linkMode: settings.linkMode,
    readyCopies: settings.readyCopies && settings.linkMode === 'private',
    openRemote,
    role: 'in charge',
    checkpoint: () => undefined,
    interruptible: (work) => work,
    print: () => undefined,
    printError: (text) => console.error(text.trimEnd()),
    runTool: impossible,
    runInside: impossible,
    newReport: impossible,
    collectAfterwards: impossible,
    announce: impossible,
    note: impossible,
    prepareAgain: impossible,
    assembleAgain: impossible,
  };
}

const DECISIONS: Readonly<Record<Explanation['decision'], string>> = {
  served: 'served from the cache',
  mixed: 'the real tool does it, with what is cached from the cache',
  tool: 'left to the real tool',
};

const OUTCOMES: Readonly<Record<Explained['outcome'], { word: string; colour: Colour }>> = {
  local: { word: 'hit', colour: 'green' },
  store: { word: 'store', colour: 'green' },
  installed: { word: 'there', colour: 'dim' },
  miss: { word: 'miss', colour: 'yellow' },
  left: { word: 'left', colour: 'yellow' },
};

function print({ decision, why, requirements }: Explanation, printer: Printer): void {
  for (const { requirement, outcome, why: reason } of requirements) {
    const { word, colour } = OUTCOMES[outcome];
    printer.line(`${printer.paint(colour, word.padEnd(5))}  ${requirement.padEnd(36)} ${reason}`);
  }
  printer.line(`${printer.paint('bold', DECISIONS[decision])}: ${why}`);
}
