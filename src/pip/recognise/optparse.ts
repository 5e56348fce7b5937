import { PkgCacheError } from '../../errors.ts';
import { type PipOption, takesValue, type Vocabulary } from './options.ts';

/** One use of an option: the name that was matched, and its value if it takes one. */
export interface Given {
  readonly option: PipOption;
  readonly name: string;
  readonly value: string | undefined;
}

export interface ParsedArguments {
  readonly given: readonly Given[];
  readonly positional: readonly string[];
}

/**
 * Splits arguments into options and the rest exactly as Python's `optparse.OptionParser.parse_args` does: unique
 * abbreviations, `--opt=value`, clusters of short options, values that begin with a dash, `--`. With `interspersed` false the
 * first positional argument ends the options. Throws UNRECOGNISED for what optparse would refuse.
 */
export function parseArguments(args: readonly string[], words: Vocabulary, interspersed: boolean): ParsedArguments {
  const given: Given[] = [];
  const positional: string[] = [];
  let next = 0;
  const takeValue = (name: string): string => args[next++] ?? refuse(`${name} requires a value`);
  while (next < args.length) {
    const arg = args[next++] as string;
    if (arg === '--') break;
    if (arg.startsWith('--')) given.push(readLong(arg, words, takeValue));
    else if (arg.startsWith('-') && arg.length > 1) readShort(arg, words, takeValue, given);
    else if (interspersed) positional.push(arg);
    else {
      next--;
      break;
    }
  }
  return { given, positional: positional.concat(args.slice(next)) };
}

function readLong(arg: string, words: Vocabulary, takeValue: (name: string) => string): Given {
  const equals = arg.indexOf('=');
  const name = expandName(equals < 0 ? arg : arg.slice(0, equals), words);
  const option = words.byName.get(name) as PipOption;
  const attached = equals < 0 ? undefined : arg.slice(equals + 1);
  if (takesValue(option)) return { option, name, value: attached ?? takeValue(name) };
  if (attached !== undefined) refuse(`${name} takes no value`);
  return { option, name, value: undefined };
}

/** An exact name wins; otherwise exactly one name, aliases included, may begin so. */
function expandName(name: string, { byName, longNames }: Vocabulary): string {
  if (byName.has(name)) return name;
  const candidates = longNames.filter((long) => long.startsWith(name));
  return candidates.length === 1 ? (candidates[0] as string) : refuse(`unknown or ambiguous option ${name}`);
}

function readShort(arg: string, words: Vocabulary, takeValue: (name: string) => string, given: Given[]): void {
  for (let i = 1; i < arg.length; i++) {
    const name = `-${arg[i]}`;
    const option = words.byName.get(name) ?? refuse(`unknown option ${name}`);
    if (takesValue(option)) {
      given.push({ option, name, value: i + 1 < arg.length ? arg.slice(i + 1) : takeValue(name) });
      return;
    }
    given.push({ option, name, value: undefined });
  }
}

function refuse(reason: string): never {
  throw new PkgCacheError('UNRECOGNISED', reason.slice(0, 200));
}
