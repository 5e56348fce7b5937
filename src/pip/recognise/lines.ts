/** A logical line of a requirements file, under the number of its first physical line. */
export interface Line {
  readonly number: number;
  readonly text: string;
}

/** What Python's `str.splitlines` splits at. */
// eslint-disable-next-line no-control-regex -- control characters are the point
const LINE_END = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/;
const COMMENT_LINE = /^\s*#/;
const VARIABLE = /\$\{[A-Z0-9_]+\}/g;

/** Joins continued lines, drops comments and empty lines, and fills in `${VAR}`: pip's `req_file.preprocess`. */
export function logicalLines(content: string, env: Readonly<Record<string, string | undefined>>): Line[] {
  return joinLines(content.split(LINE_END))
    .map(({ number, text }) => ({ number, text: stripComment(text).trim() }))
    .filter(({ text }) => text !== '')
    .map(({ number, text }) => ({ number, text: expandVariables(text, env) }));
}

/** A comment begins at the start, or after white space: a fragment of a URL is none. */
function stripComment(text: string): string {
  for (let hash = text.indexOf('#'); hash >= 0; hash = text.indexOf('#', hash + 1)) {
    if (hash === 0 || /\s/.test(text[hash - 1] as string)) return text.slice(0, hash);
  }
  return text;
}

/** A comment line ends a continuation, and is kept apart by a space so that it is still seen as a comment. */
function joinLines(lines: readonly string[]): Line[] {
  const joined: Line[] = [];
  let open: { number: number; parts: string[] } | undefined;
  lines.forEach((line, index) => {
    const comment = COMMENT_LINE.test(line);
    open ??= { number: index + 1, parts: [] };
    if (line.endsWith('\\') && !comment) {
      open.parts.push(line.replace(/^\\+|\\+$/g, ''));
      return;
    }
    joined.push({ number: open.number, text: open.parts.join('') + (comment ? ` ${line}` : line) });
    open = undefined;
  });
  const rest = open as { number: number; parts: string[] } | undefined;
  return rest === undefined ? joined : [...joined, { number: rest.number, text: rest.parts.join('') }];
}

/** Variables that are unset or empty stay as they are; what a value brings in can be filled in by a later variable. */
function expandVariables(text: string, env: Readonly<Record<string, string | undefined>>): string {
  let expanded = text;
  for (const variable of text.match(VARIABLE) ?? []) {
    const value = env[variable.slice(2, -1)];
    if (value) expanded = expanded.replaceAll(variable, () => value);
  }
  return expanded;
}
