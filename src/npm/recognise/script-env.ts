import { join } from 'node:path';
import { DYNAMIC } from './keys-served.ts';
import type { Configuration } from './configuration.ts';
import type { Omitted } from './omit.ts';
import type { Value } from './value-types.ts';

/**
 * The variables that npm adds to its environment for scripts (`set-envs.js`), or changes in it: settings that are not the
 * default, and where npm and Node are. Without `npm_config_user_agent`, which names the CI that npm believes to run in, and
 * without `npm_config_progress`. Values can be credentials, as with `npm_config_https_proxy`: they are for scripts alone.
 */
export function scriptEnvironment(config: Configuration, { production }: Omitted): Readonly<Record<string, string>> {
  const { layers, facts, world } = config;
  const env: Record<string, string> = {};
  const set = (key: string, value: Value): void => {
    const text = textOf(value);
    if (!/^[/@_]/.test(key) && text !== undefined) env[`npm_config_${key.replaceAll('-', '_').toLowerCase()}`] = text;
  };
  for (const key of new Set([...layers.of('default').keys(), ...layers.keysSet()])) exportKey(config, key, set);
  env['INIT_CWD'] = world.cwd;
  env['HOME'] = config.home;
  env['npm_config_global_prefix'] = config.globalPrefix;
  env['npm_config_local_prefix'] = config.local.path;
  const nodeOptions = layers.get('node-options');
  if (typeof nodeOptions === 'string' && nodeOptions !== '') env['NODE_OPTIONS'] = nodeOptions;
  const editor = layers.get('editor');
  if (typeof editor === 'string' && editor !== '') env['EDITOR'] = editor;
  if (config.traits.exportsNodeGyp) env['npm_config_node_gyp'] = String(layers.get('node-gyp'));
  env['npm_config_npm_version'] = String(layers.get('npm-version') ?? facts.version);
  env['npm_execpath'] = join(facts.npmDir, 'bin', 'npm-cli.js');
  env['NODE'] = env['npm_node_execpath'] = facts.nodeExecPath;
  if (production) env['NODE_ENV'] = 'production';
  return env;
}

/** Set in another way, or not known. */
const APART: ReadonlySet<string> = new Set(['progress', 'user-agent', 'npm-version']);

function exportKey({ layers, words, defaults }: Configuration, name: string, set: (key: string, value: Value) => void): void {
  const key = words.keys.get(name);
  if (key?.deprecated !== undefined || key?.exported === false || APART.has(name)) return;
  const standard = defaults.get(name);
  const value = layers.getRaw(name);
  const isStandard = standard !== DYNAMIC && same(standard, value);
  const alreadySo = isStandard ? same(layers.getRaw(name, true), value) : layers.of('env').has(name) && !layers.of('cli').has(name);
  if (!alreadySo) set(name, value);
}

function textOf(value: Value): string | undefined {
  if (Array.isArray(value)) return value.map((one) => textOf(one as Value) ?? '').join('\n\n');
  if (value === null || value === undefined || value === false) return '';
  return value instanceof Date ? undefined : String(value);
}

function same(a: Value, b: Value): boolean {
  if (!Array.isArray(a) || !Array.isArray(b)) return a === b;
  return a.length === b.length && a.every((one, i) => one === b[i]);
}
