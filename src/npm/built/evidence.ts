import { readFileSync } from 'node:fs';
import { posix } from 'node:path';
import type { EntryFile } from '../../cache/entry.ts';
import type { Env } from '../../config.ts';
import { sha256 } from '../../hash.ts';
import { INSTALL_EVENTS } from '../inside/events.ts';

/** A package as its tarball has it. */
export interface Plain {
  /** Of its files. */
  readonly directory: string;
  readonly files: ReadonlyMap<string, EntryFile>;
}

/** What the texts of a package's install scripts say about what they go by. */
export interface Evidence {
  /** They consist of nothing but tools that build a native addon in the package, or find it built. */
  readonly buildsOnly: boolean;
  /** They look at the project, or at its repository. */
  readonly looksAround: boolean;
  /** Names of variables that they read, sorted. */
  readonly variables: readonly string[];
}

/**
 * Reads the install scripts of a package: the commands in its package.json, and the files of the package that they name, and that those name.
 * What other packages do for it, and variables whose names are made up, are not seen.
 */
export function evidenceOf(plain: Plain): Evidence {
  const commands = commandsOf(plain);
  const texts = [...commands, ...filesBehind(commands, plain)];
  return {
    buildsOnly: commands.every((command) => BUILDS.test(command)),
    looksAround: texts.some((text) => AROUND.test(text)),
    variables: [...new Set(texts.flatMap(variablesIn))].filter((name) => !NO_INPUT.test(name)).sort(),
  };
}

/** One or more of the tools by which native addons are found or built, and nothing else. */
const TOOL = String.raw`(?:node-gyp(?: re)?build|node-gyp-build(?:-optional-packages|-test)?|prebuild-install|(?:node-pre-gyp|node-gyp|cmake-js) (?:install|rebuild|compile|configure|build)|napi-postinstall)(?: [\w@.\/=:-]+)*`;
const BUILDS = new RegExp(String.raw`^\s*${TOOL}(?:\s*(?:\|\||&&)\s*${TOOL})*\s*$`);

/** The project's directory, git's, or what is known of them. */
const AROUND = /\bINIT_CWD\b|\bPROJECT_CWD\b|npm_config_local_prefix|npm_config_root\b|['"`/]\.git['"`/]|\bhooksPath\b|\brev-parse\b|git-common-dir/;

/** What npm sets for every script, what names a place on this machine, and secrets. */
const NO_INPUT = /^(?:npm_(?:package_|lifecycle_|execpath|node_execpath|command|config_(?:user_agent|cache|registry|loglevel|prefix))|PATH$|HOME$|USERPROFILE$|PWD$|NODE$|TMPDIR$|TEMP$|TMP$|XDG_)|token|passw|secret|auth/i;

/** `process.env.NAME`, `env['NAME']`, `{ NAME } = process.env`, and `$NAME` of the shell. */
function variablesIn(text: string): string[] {
  const dotted = [...text.matchAll(/\benv\s*\??\.\s*([A-Za-z_]\w*)|\benv\s*(?:\?\.)?\[\s*['"`]([A-Za-z_]\w*)['"`]\s*\]|\$\{?([A-Z_][A-Z0-9_]{2,})\b/g)].map(([, a, b, c]) => a ?? b ?? c ?? '');
  const taken = [...text.matchAll(/\{([^{}]{1,500})\}\s*=\s*process\.env\b/g)].flatMap(([, names = '']) => names.split(',').map((name) => /^\s*([A-Za-z_]\w*)/.exec(name)?.[1] ?? ''));
  // is-ci, ci-info and the like.
  const modules = /\brequire\(\s*['"`](?:is-ci|ci-info)['"`]|from\s+['"`](?:is-ci|ci-info)['"`]/.test(text) ? ['CI'] : [];
  return [...dotted, ...taken, ...modules].filter((name) => name !== '');
}

function commandsOf({ directory, files }: Plain): string[] {
  try {
    const { scripts } = JSON.parse(readFileSync(posix.join(directory, 'package.json'), 'utf8')) as { scripts?: Record<string, unknown> };
    const given = INSTALL_EVENTS.map((event) => scripts?.[event]).filter((command) => typeof command === 'string');
    return given.length === 0 && files.has('binding.gyp') ? ['node-gyp rebuild'] : given;
  } catch {
    return [];
  }
}

/** So much is read. */
const MAX_FILES = 60;
const MAX_SIZE = 512 * 1024;

/** The texts of all files of the package to which a word of a command, or a literal in one of these files, leads. */
function filesBehind(commands: readonly string[], { directory, files }: Plain): string[] {
  const found = new Map<string, string>();
  const follow = (text: string, from: string): void => {
    for (const word of text.match(/[\w@.\/-]{2,200}/g) ?? []) {
      const path = [posix.join(from, word), posix.join(word)].flatMap((base) => [base, `${base}.js`, `${base}.cjs`, `${base}.mjs`, `${base}/index.js`]).find((each) => files.has(each));
      if (path === undefined || found.has(path) || found.size >= MAX_FILES || !/(?:\.(?:[cm]?js|sh|py|gypi?)|\/[^.]+|^[^.]+)$/.test(path) || (files.get(path)?.size ?? 0) > MAX_SIZE) continue;
      const content = readFileSync(posix.join(directory, path), 'utf8');
      found.set(path, content);
      follow(literals(content), posix.dirname(path));
    }
  };
  for (const command of commands) follow(command, '.');
  return [...found.values()];
}

function literals(text: string): string {
  return (text.match(/['"`][\w@.\/-]{2,200}['"`]/g) ?? []).join(' ').replace(/['"`]/g, ' ');
}

/** Variables that scripts read, each with a hash of its value, which is '' for one that is not set. */
export function valuesOf(names: readonly string[], env: Env): [name: string, value: string][] {
  return names.map((name) => [name, env[name] === undefined ? '' : sha256(`${name}=${env[name]}`).slice(0, 16)]);
}

/** The same of all variables that scripts may read, without those that say nothing, or are secret. */
export function allValues(env: Env): [name: string, value: string][] {
  return valuesOf(Object.keys(env).filter((name) => !NO_INPUT.test(name)), env);
}
