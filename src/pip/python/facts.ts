import { statSync } from 'node:fs';
import { join } from 'node:path';
import { tryClaim, type Claim } from '../../cache/claim.ts';
import { PkgCacheError } from '../../errors.ts';
import { sha256 } from '../../hash.ts';
import type { MarkerEnvironment } from '../recognise/markers.ts';
import { replaceFile } from '../../replace-file.ts';
import { anyText, asA, count, list, object, orNull, readA, record, text, tuple, type Shape } from '../../shape.ts';
import { isImport, isStandardLibrary, readPthFiles } from './pth.ts';
import probe from './probe.py';
import probePip from './probe-pip.py';

/** Directories of a sysconfig scheme, with `/@BASE@` or `/@USERBASE@` for what the asker fills in. */
export interface SysconfigScheme {
  readonly purelib: string;
  readonly platlib: string;
  readonly include: string;
  readonly scripts: string;
  readonly data: string;
}

/** pip's Scheme (pip/_internal/models/scheme.py), with `@DIST@` in `headers`. */
export interface Scheme {
  readonly purelib: string;
  readonly platlib: string;
  readonly headers: string;
  readonly scripts: string;
  readonly data: string;
}

/** What an interpreter says about itself; see probe.py. True for every virtual environment made from it. */
export interface InterpreterFacts {
  readonly executable: string;
  readonly prefix: string;
  readonly basePrefix: string;
  readonly version: readonly [number, number, number];
  readonly implementation: string;
  readonly cacheTag: string;
  readonly magic: number;
  readonly soabi: string;
  readonly abiflags: string;
  readonly pointerBits: number;
  readonly platform: string;
  readonly macVersion: string;
  readonly libc: string;
  readonly stdlib: string;
  /** `sys.path`, without what `.pth` files name, and with site directories that are not there. */
  readonly sitePaths: readonly string[];
  /** Variables that decided about the schemes, with a hash of their values; null where one was not set. */
  readonly environment: Readonly<Record<string, string | null>>;
  /** What `siteStamp` said when the interpreter was asked; '' where its site directories are of no interest. */
  readonly siteStamp: string;
  /** Null where pip was not asked, or did not know. */
  readonly pipSchemes: { readonly base: Scheme; readonly prefix: Scheme } | null;
  readonly venvScheme: SysconfigScheme;
  readonly homeScheme: SysconfigScheme;
  readonly userScheme: SysconfigScheme | null;
  readonly markers: MarkerEnvironment;
}

/** What a pip says about itself; see probe-pip.py. */
export interface PipFacts {
  /** distlib's template of console scripts, with `%(module)s`, `%(import_name)s` and `%(func)s`. */
  readonly scriptTemplate: string;
  readonly rootWarning: string;
}

const SYSCONFIG_SCHEME = object<SysconfigScheme>({ purelib: text, platlib: text, include: text, scripts: text, data: text });
/** Of a distribution called `@DIST@`. */
export const SCHEME: Shape<Scheme> = object<Scheme>({ purelib: text, platlib: text, headers: text, scripts: text, data: text });

const FACTS = {
  executable: text,
  prefix: text,
  basePrefix: text,
  version: tuple<readonly [number, number, number]>(count, count, count),
  implementation: text,
  cacheTag: text,
  magic: count,
  soabi: text,
  abiflags: text,
  pointerBits: count,
  platform: text,
  macVersion: text,
  libc: text,
  stdlib: text,
  sitePaths: list(text),
  environment: record(orNull(anyText)),
  pipSchemes: orNull(object({ base: SCHEME, prefix: SCHEME })),
  venvScheme: SYSCONFIG_SCHEME,
  homeScheme: SYSCONFIG_SCHEME,
  userScheme: orNull(SYSCONFIG_SCHEME),
  markers: object<MarkerEnvironment>({
    python_version: text,
    python_full_version: text,
    os_name: text,
    sys_platform: text,
    platform_machine: text,
    platform_system: text,
    platform_release: text,
    platform_version: text,
    implementation_name: text,
    implementation_version: text,
    platform_python_implementation: text,
  }),
} as const;

/** As the interpreter has it, with the values of variables. */
const ANSWER = object<Omit<InterpreterFacts, 'siteStamp'>>(FACTS);

export const INTERPRETER_FACTS: Shape<InterpreterFacts> = object<InterpreterFacts>({ ...FACTS, siteStamp: text });

export const PIP_FACTS: Shape<PipFacts> = object<PipFacts>({ scriptTemplate: anyText, rootWarning: anyText });

type Env = Readonly<Record<string, string | undefined>>;

/** Asks an interpreter (a path to a real binary, not a version manager's shim), and its pip if `withPip`. Throws UNRECOGNISED. */
export function askInterpreter(executable: string, withPip: boolean, env: Env): InterpreterFacts {
  const answer = ask(executable, [probe, ...(withPip ? ['pip'] : [])], env, ANSWER);
  const environment = Object.fromEntries(Object.entries(answer.environment).map(([name, value]) => [name, digestOf(value)]));
  return { ...answer, environment, siteStamp: withPip ? siteStamp(answer) : '' };
}

/** Whether what an interpreter has answered is what it would answer now: nothing that it depends on, but the binary, has changed. */
export function isCurrent({ environment, ...facts }: InterpreterFacts, env: Env): boolean {
  const isSame = ([name, digest]: [string, string | null]): boolean => digestOf(env[name]) === digest;
  return Object.entries(environment).every(isSame) && (facts.siteStamp === '' || siteStamp(facts) === facts.siteStamp);
}

/** Values are not for files: one may be a secret. */
function digestOf(value: string | null | undefined): string | null {
  return typeof value === 'string' ? sha256(value) : null;
}

/**
 * A hash of the code that runs when an interpreter starts and may add directories to `sys.path`: the `import` lines of `.pth` files,
 * and sitecustomize (site.py).
 */
function siteStamp({ stdlib, sitePaths }: Pick<InterpreterFacts, 'stdlib' | 'sitePaths'>): string {
  const imports = sitePaths.flatMap((path) => (isStandardLibrary(path, stdlib) ? [] : readPthFiles(path)))
    .flatMap(({ path, lines }) => lines.filter(isImport).map((line) => `${path}: ${line}`));
  const customized = [stdlib, ...sitePaths].flatMap((path) => {
    const stat = statSync(join(path, 'sitecustomize.py'), { throwIfNoEntry: false });
    return stat ? [`${path}: ${stat.size} ${stat.mtimeMs}`] : [];
  });
  return sha256([...imports, ...customized].join('\n'));
}

/** Asks the pip whose package lies in `directory`, by means of an interpreter. Throws UNRECOGNISED. */
export function askPip(executable: string, directory: string, env: Env): PipFacts {
  return ask(executable, [probePip, directory], env, PIP_FACTS);
}

const MARK = '@PKG-CACHE@';

function ask<T>(executable: string, [code, ...args]: [string, ...string[]], env: Env, shape: Shape<T>): T {
  try {
    // `-B`: asking must leave nothing behind. A site hook may print as well, hence the mark.
    const output = process.getBuiltinModule('node:child_process').execFileSync(executable, ['-I', '-B', '-c', code, ...args], {
      encoding: 'utf8',
      env,
      // On a machine that is busy with other things, importing pip takes many times its usual second.
      timeout: 30_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const line = output.split('\n').find((text) => text.startsWith(MARK));
    if (line === undefined) throw new Error('no answer');
    return asA(shape, JSON.parse(line.slice(MARK.length)), 'UNRECOGNISED', 'the answer');
  } catch (cause) {
    throw new PkgCacheError('UNRECOGNISED', `${executable} does not answer as a Python interpreter with pip does`, { cause });
  }
}

/** How long to wait for the answer that another process is asking for, in milliseconds. */
const PATIENCE = 20_000;

/**
 * Remembers an answer in `file` as long as `stamp` is the same and `holds` says so. Many installs that start at once ask once: one of them does, the others
 * wait for its answer. A file that cannot be read or written, or does not hold what has the `shape`, only costs the time of asking.
 */
export function remembered<T>(file: string, stamp: string, shape: Shape<T>, ask: () => T, holds: (answer: T) => boolean = () => true): T {
  const kept = object({ stamp: text, answer: shape });
  const find = (): { readonly answer: T } | undefined => {
    const known = readA(kept, file);
    return known?.stamp === stamp && holds(known.answer) ? known : undefined;
  };
  const known = find();
  if (known) return known.answer;
  const claim = waitForTurn(`${file}.claim`, () => find() !== undefined);
  try {
    const meanwhile = find();
    if (meanwhile) return meanwhile.answer;
    const answer = ask();
    write(file, { stamp, answer });
    return answer;
  } finally {
    claim?.release();
  }
}

/** Returns when it is our turn to ask, or an answer is there; undefined without a claim. */
function waitForTurn(path: string, isKnown: () => boolean): Claim | undefined {
  for (const end = Date.now() + PATIENCE; Date.now() < end && !isKnown(); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)) {
    try {
      const claim = tryClaim(path);
      if (claim) return claim;
    } catch {
      return undefined; // Nothing can be written here: everybody asks.
    }
  }
  return undefined;
}

function write(file: string, content: unknown): void {
  try {
    replaceFile(file, JSON.stringify(content));
  } catch {
    // A cache that cannot be written: ask again next time.
  }
}
