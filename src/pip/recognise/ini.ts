import { PkgCacheError } from '../../errors.ts';

/** What a configuration file holds: its sections' options, in order, under pip's normal form of their names. */
export type Sections = ReadonlyMap<string, ReadonlyMap<string, string>>;

const SECTION = /^\[([^\]]+)\][^\]]*$/;
const OPTION = /^(.*?)\s*[=:]\s*(.*)$/;
/** White space to Python and not to JavaScript, or the other way round, and what no sane file holds. */
// eslint-disable-next-line no-control-regex -- control characters are the point
const STRANGE = /[\x00-\x08\x0b\x0c\x0e-\x1f\x85\u2028\u2029\ufeff]/;

/**
 * Reads an ini file as Python's `configparser.RawConfigParser` does with its defaults: full-line comments with `#` and `;`,
 * `=` or `:`, indented continuation lines, empty lines inside values. Throws UNRECOGNISED for what it would refuse, for
 * `[DEFAULT]`, and for repeated sections or options.
 */
export function parseIni(text: string): Sections {
  if (STRANGE.test(text)) refuse('unexpected characters');
  const reader = new IniReader();
  for (const line of text.split(/\r\n|\r|\n/)) reader.readLine(line);
  return reader.finish();
}

class IniReader {
  private readonly sections = new Map<string, Map<string, string[]>>();
  private section: Map<string, string[]> | undefined;
  private value: string[] | undefined;
  private indent = 0;

  readLine(line: string): void {
    const content = line.trim();
    if (content === '') this.value?.push('');
    else if (content.startsWith('#') || content.startsWith(';')) return;
    else this.readContent(content, line.search(/\S/));
  }

  private readContent(content: string, indent: number): void {
    if (this.value !== undefined && indent > this.indent) {
      this.value.push(content);
      return;
    }
    this.indent = indent;
    const header = SECTION.exec(content);
    if (header !== null) this.openSection(header[1] as string);
    else this.openOption(content);
  }

  private openSection(name: string): void {
    if (name === 'DEFAULT' || this.sections.has(name)) refuse(`section ${name}`);
    this.section = new Map();
    this.sections.set(name, this.section);
    this.value = undefined;
  }

  private openOption(content: string): void {
    const match = OPTION.exec(content);
    if (match === null || match[1] === '' || this.section === undefined) return refuse(`line ${content}`);
    const name = normalKey(match[1] as string);
    if (this.section.has(name)) refuse(`repeated option ${name}`);
    this.value = [match[2] as string];
    this.section.set(name, this.value);
  }

  finish(): Sections {
    const join = (values: Map<string, string[]>): Map<string, string> =>
      new Map([...values].map(([name, lines]) => [name, lines.join('\n').trimEnd()]));
    return new Map([...this.sections].map(([name, values]) => [name, join(values)]));
  }
}

/** pip's `_normalize_name`: keys of files and of the environment are written alike. */
export function normalKey(name: string): string {
  const dashed = name.toLowerCase().replaceAll('_', '-');
  return dashed.startsWith('--') ? dashed.slice(2) : dashed;
}

function refuse(reason: string): never {
  throw new PkgCacheError('UNRECOGNISED', `configuration file: ${reason.slice(0, 120)}`);
}
