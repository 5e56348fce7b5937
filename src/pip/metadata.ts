/** The fields of METADATA (core metadata specification) that decide on dependencies. */
export interface CoreMetadata {
  readonly name: string;
  readonly version: string;
  readonly requiresDist: readonly string[];
  readonly requiresPython: string | undefined;
  readonly providesExtra: readonly string[];
}

/** Reads the headers of a METADATA file; the description below them is not looked at. */
export function parseMetadata(text: string): CoreMetadata {
  const headers = readHeaders(text);
  const first = (name: string): string | undefined => headers.find(([key]) => key === name)?.[1];
  const all = (name: string): string[] => headers.filter(([key]) => key === name).map(([, value]) => value);
  return {
    name: first('name') ?? '',
    version: first('version') ?? '',
    requiresDist: all('requires-dist'),
    requiresPython: first('requires-python'),
    providesExtra: all('provides-extra'),
  };
}

function readHeaders(text: string): [name: string, value: string][] {
  const end = text.search(/\r?\n\r?\n/);
  const head = end === -1 ? text : text.slice(0, end);
  // A line that begins with white space continues the one before (RFC 822).
  return head
    .replace(/\r?\n[ \t]+/g, ' ')
    .split(/\r?\n/)
    .flatMap((line): [string, string][] => {
      const colon = line.indexOf(':');
      return colon === -1 ? [] : [[line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()]];
    });
}
