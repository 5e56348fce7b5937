// Asks a real npm's own modules what it makes of command lines. Reads { npmDir, questions } from stdin.
const { join } = require('node:path');

/** npm's definitions look at the environment when they are loaded. */
function load(npmDir) {
  for (const file of Object.keys(require.cache)) {
    if (/[\\/](@npmcli[\\/]config|nopt)[\\/]|arborist-cmd|base-cmd/.test(file)) delete require.cache[file];
  }
  const modules = join(npmDir, 'node_modules');
  const Config = require(join(modules, '@npmcli/config'));
  const definitions = require(join(modules, '@npmcli/config/lib/definitions'));
  const Command = require(join(npmDir, 'lib/arborist-cmd.js'));
  const { deref } = require(join(npmDir, 'lib/utils/cmd-list.js'));
  return { Config, definitions, Command, deref };
}

function enter({ env, cwd }) {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.chdir(cwd);
}

async function answer(npmDir, question) {
  enter(question);
  const { Config, definitions: d, Command, deref } = load(npmDir);
  const messages = [];
  const onLog = (level, ...args) => {
    if (['warn', 'error'].includes(level)) messages.push([level, ...args.filter((a) => typeof a === 'string')]);
  };
  process.on('log', onLog);
  try {
    const config = new Config({
      npmPath: npmDir,
      definitions: d.definitions,
      flatten: d.flatten,
      nerfDarts: d.nerfDarts,
      shorthands: d.shorthands,
      argv: [process.execPath, join(npmDir, 'bin/npm-cli.js'), ...question.argv],
      env: process.env,
      cwd: question.cwd,
      warn: false,
    });
    await config.load();
    const words = config.parsedArgv.remain;
    const command = deref(words[0]);
    const flat = { ...config.flat };
    const get = (key) => config.get(key);
    if (get('force')) process.emit('log', 'warn', 'using --force', 'Recommended protections disabled.');
    const npm = { config, localPackage: config.localPackage, global: get('global') || get('location') === 'global', flatOptions: flat };
    const instance = new Command(npm);
    config.logWarnings?.();
    if (config.getUnknownConfigs) instance.validateCli([], words.slice(1));
    const values = Object.fromEntries(Object.keys(d.definitions).map((key) => [key, get(key)]));
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== 'npm_config_user_agent' && name !== 'npm_config_progress'));
    const scopes = Object.fromEntries(Object.entries(flat).filter(([key]) => /^@.*:registry$/.test(key)));
    return { command, words, flat: plain(flat), values: plain(values), env, scopes, messages, localPrefix: config.localPrefix, globalPrefix: config.globalPrefix, hasPackage: Boolean(config.localPackage), version: config.get('version', 'cli') || config.get('versions', 'cli') };
  } catch (error) {
    return { error: String(error.message), command: undefined };
  } finally {
    process.off('log', onLog);
  }
}

function plain(object) {
  return JSON.parse(JSON.stringify(object, (_, value) => (typeof value === 'function' ? undefined : value)));
}

function vocabulary(npmDir) {
  const { definitions: d, deref } = load(npmDir);
  const types = require(join(npmDir, 'node_modules/@npmcli/config/lib/type-defs.js'));
  const nameOf = (type) => (type === Array ? 'Array' : (Object.entries(types).find(([, t]) => t.type === type)?.[0] ?? JSON.stringify(type)));
  const keys = Object.entries(d.definitions).map(([name, def]) => [
    name,
    { types: [].concat(def.type).map(nameOf), default: def.default, short: [].concat(def.short ?? []), deprecated: def.deprecated?.trim().replace(/\n +/, '\n'), exclusive: def.exclusive ?? [], exported: def.envExport !== false },
  ]);
  const { commands, aliases } = require(join(npmDir, 'lib/utils/cmd-list.js'));
  const words = [...commands, ...Object.keys(aliases)];
  const parts = [...new Set(words.flatMap((word) => [...word].map((_, i) => word.slice(0, i + 1))))];
  return { keys: Object.fromEntries(keys), shorthands: d.shorthands, commands: Object.fromEntries(parts.map((part) => [part, deref(part) ?? null])) };
}

async function main() {
  let text = '';
  for await (const part of process.stdin) text += part;
  const { npmDir, questions } = JSON.parse(text);
  const before = { ...process.env };
  const start = process.cwd();
  const answers = [];
  for (const question of questions) answers.push(question === null ? vocabulary(npmDir) : await answer(npmDir, question));
  enter({ env: before, cwd: start });
  process.stdout.write(JSON.stringify(answers));
}

main();
