import { PkgCacheError } from '../../errors.ts';

const WHITESPACE = /[ \t]*/y;

/** A cursor over a text, as the tokenizer of `packaging`: every pattern is sticky, every failure is UNRECOGNISED. */
export class Scanner {
  private position = 0;

  constructor(private readonly text: string) {}

  /** Reads what `pattern` (a sticky expression) matches here, or leaves the cursor alone. */
  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.position;
    const match = pattern.exec(this.text);
    if (match === null) return undefined;
    this.position = pattern.lastIndex;
    return match[0];
  }

  expect(pattern: RegExp, what: string): string {
    return this.take(pattern) ?? this.fail(what);
  }

  skipSpace(): void {
    this.take(WHITESPACE);
  }

  /** The next character, or '' at the end. */
  peek(): string {
    return this.text.charAt(this.position);
  }

  /** Reads one given character, if it comes next. */
  takeChar(char: string): boolean {
    if (this.peek() !== char) return false;
    this.position++;
    return true;
  }

  expectEnd(): void {
    if (this.position < this.text.length) this.fail('the end');
  }

  fail(what: string): never {
    throw new PkgCacheError('UNRECOGNISED', `expected ${what} at ${this.position} in: ${this.text.slice(0, 200)}`);
  }
}
