import { PkgCacheError } from '../../errors.ts';
import { exclude } from './control.ts';
import type { PipOption } from './options.ts';
import type { Given } from './optparse.ts';
import { checkValue, parseBoolean, parseCount } from './value-types.ts';

const NOTHING: readonly string[] = [];

/** One use of an option, wherever it was. */
export interface Use {
  readonly option: PipOption;
  /** As matched on a command line; undefined for a configured value. */
  readonly name?: string;
  readonly value: string | undefined;
}

/** What optparse calls `Values`: the settled value of every option, whatever sources it came from. */
export class OptionValues {
  private readonly switches = new Map<string, boolean>();
  private readonly counts = new Map<string, number>();
  private readonly texts = new Map<string, string>();
  private readonly lists = new Map<string, string[]>();
  /** Every use so far, in order. */
  readonly uses: Use[] = [];
  private readonly home: string;

  constructor(home: string) {
    this.home = home;
  }

  flag(dest: string): boolean | undefined {
    return this.switches.get(dest);
  }

  count(dest: string): number {
    return this.counts.get(dest) ?? 0;
  }

  text(dest: string): string | undefined {
    return this.texts.get(dest);
  }

  list(dest: string): readonly string[] {
    return this.lists.get(dest) ?? NOTHING;
  }

  /** Takes over one use of an option on a command line or in a requirements file (`Option.take_action`). */
  addArgument({ option, name, value }: Given): void {
    this.uses.push({ option, name, value });
    this.store(option, value);
  }

  private store(option: PipOption, value: string | undefined): void {
    const { dest, kind } = option;
    if (kind === 'flag') this.switches.set(dest, true);
    else if (kind === 'unflag') this.switches.set(dest, false);
    else if (kind === 'count') this.counts.set(dest, this.count(dest) + 1);
    else if (kind === 'value') this.texts.set(dest, checkValue(option, value as string, this.home));
    else if (kind === 'control') exclude(value as string, dest, (name) => this.listOf(name));
    else if (kind !== 'disable') this.listOf(dest).push(checkValue(option, value as string, this.home));
  }

  /**
   * Takes over one value from a configuration file or the environment (`ConfigOptionParser._update_defaults`). As there,
   * the value of a `--no-…` option that stores false is stored itself: `PIP_NO_COMPILE=0` switches compiling off.
   */
  addConfigured(option: PipOption, value: string): void {
    this.uses.push({ option, value });
    const { dest, kind } = option;
    if (kind === 'flag' || kind === 'unflag') this.switches.set(dest, parseBoolean(value));
    else if (kind === 'count') this.counts.set(dest, parseCount(value));
    else if (kind === 'append') this.lists.set(dest, splitWords(value).map((word) => checkValue(option, word, this.home)));
    else if (kind === 'disable') parseBoolean(value);
    else if (value.includes('\n')) throw new PkgCacheError('UNRECOGNISED', `${dest} has more than one line`);
    else this.store(option, value);
  }

  /** Switches an option on that a requirements file percolates up to the command. */
  turnOn(dest: string): void {
    this.switches.set(dest, true);
  }

  private listOf(dest: string): string[] {
    const list = this.lists.get(dest) ?? [];
    this.lists.set(dest, list);
    return list;
  }
}

function splitWords(value: string): string[] {
  return value.split(/\s+/).filter((word) => word !== '');
}
