import { PkgCacheError } from '../../errors.ts';

/**
 * Splits a text into words as Python's `shlex.split(text)` does (POSIX mode, no comments): quotes, and the backslash, which
 * inside double quotes escapes only itself and the quote. Throws UNRECOGNISED for an open quote or a trailing backslash.
 */
export function splitShellWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (let i = 0; i < text.length; i++) {
    const char = text[i] as string;
    if (/[ \t\r\n]/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char === "'" || char === '"') {
      const end = closingQuote(text, i);
      word = (word ?? '') + unquote(text.slice(i + 1, end), char);
      i = end;
    } else if (char === '\\') {
      word = (word ?? '') + (text[++i] ?? unfinished());
    } else {
      word = (word ?? '') + char;
    }
  }
  return word === undefined ? words : [...words, word];
}

function closingQuote(text: string, start: number): number {
  const quote = text[start];
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\' && quote === '"') i++;
    else if (text[i] === quote) return i;
  }
  return unfinished();
}

function unquote(content: string, quote: string): string {
  return quote === '"' ? content.replace(/\\(["\\])/g, '$1') : content;
}

function unfinished(): never {
  throw new PkgCacheError('UNRECOGNISED', 'unfinished quoting in a requirements file');
}
