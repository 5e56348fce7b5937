import { refuse } from './refuse.ts';
import type { Where } from './layers.ts';
import type { NpmTraits } from './version.ts';

/** A line that npm prints to stderr, as its display layer has it: `npm warn <title> <text>`, each line of `text` with the same beginning. */
export interface NpmMessage {
  readonly level: 'warn';
  readonly title: string;
  /** '' where npm puts all into the title. */
  readonly text: string;
}

/** The message as npm prints it without colour (`display.js`, `format.js`), with its line ends. */
export function plainText({ level, title, text }: NpmMessage): string {
  const lines = text.split('\n').map((line) => `npm ${level} ${title}${line === '' ? '' : ` ${line}`}\n`);
  return lines.join('');
}

/** Settings of one registry that are no settings by themselves (`nerfDarts`). */
const OF_A_REGISTRY: ReadonlySet<string> = new Set(['_auth', '_authToken', '_password', 'certfile', 'email', 'keyfile', 'username']);
/** What can be printed as it is: nothing that a terminal or npm's redaction would change. */
const PLAIN = /^[\w@/:.%~+[\]-]{1,200}$/;
const HINT = ' See `npm help npmrc` for supported config options.';

/** What npm says about the settings while it reads them, in its order. */
export class Warnings {
  private readonly atOnce: NpmMessage[] = [];
  private readonly later: NpmMessage[] = [];
  private readonly ofFiles = new Map<Where, NpmMessage[]>();
  private readonly traits: NpmTraits;
  private readonly isKey: (name: string) => boolean;
  private readonly isInternal: (name: string) => boolean;

  /** `isInternal`: one that npm never complains of. */
  constructor(traits: NpmTraits, isKey: (name: string) => boolean, isInternal: (name: string) => boolean) {
    this.traits = traits;
    this.isKey = isKey;
    this.isInternal = isInternal;
  }

  /** Something that npm says where it comes upon it. */
  say(title: string, text = ''): void {
    this.atOnce.push({ level: 'warn', title, text });
  }

  /**
   * A key that npm does not know (`checkUnknown`). Throws UNRECOGNISED if what npm says cannot be told exactly, which is so
   * for an npm newer than the table.
   */
  unknown(where: Where, key: string): void {
    const { traits } = this;
    if (!PLAIN.test(key)) refuse('an odd key in the configuration');
    if (traits.unknown === 'silent' || this.isInternal(key) || (key === 'node-gyp' && !traits.exportsNodeGyp)) return;
    const scoped = key.includes(':');
    const base = key.slice(key.lastIndexOf(':') + 1);
    if (scoped && (this.isKey(base) || OF_A_REGISTRY.has(base))) return;
    if (!traits.compared) refuse('a setting that only this npm may know');
    const what = `Unknown ${where} config ${scoped ? `"${base}" (${key})` : `"${key}"`}.`;
    const fate = traits.strict && where === 'env' ? 'This will error in a future major version of npm.' : 'This will stop working in the next major version of npm.';
    this.put(where, { level: 'warn', title: `${what} ${fate}${traits.unknownHint ? HINT : ''}`, text: '' });
  }

  private put(where: Where, message: NpmMessage): void {
    if (this.traits.unknown === 'at once') this.atOnce.push(message);
    else if (!this.traits.strict || where === 'env') this.later.push(message);
    else this.ofFiles.set(where, [...(this.ofFiles.get(where) ?? []), message]);
  }

  /** All of it. npm 12 names the files' keys last, in this order (`Npm.#exec`, `validateCli`). */
  all(): NpmMessage[] {
    const files = (['builtin', 'project', 'user', 'global'] as const).flatMap((where) => this.ofFiles.get(where) ?? []);
    return [...this.atOnce, ...this.later, ...files];
  }
}
