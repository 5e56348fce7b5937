/** Control characters (of C0 and C1) but tabs, and halves of characters: the first steer a terminal or end a line, the others are not the same when they are read again. */
// eslint-disable-next-line no-control-regex -- they are what is looked for
export const NOT_PRINTABLE = /[\0-\x08\x0a-\x1f\x7f-\x9f]|\p{Surrogate}/u;

/**
 * A text that somebody else has said, for a line of a log or on a terminal: what is not printable is written as JSON writes it, so that it neither steers
 * a terminal nor looks like two lines.
 */
export function printable(said: string): string {
  return NOT_PRINTABLE.test(said) ? said.replace(new RegExp(NOT_PRINTABLE, 'gu'), (odd) => `\\u${odd.charCodeAt(0).toString(16).padStart(4, '0')}`) : said;
}
