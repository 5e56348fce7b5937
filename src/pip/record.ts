import { sha256Base64Url } from '../hash.ts';

/** A row of RECORD: path, `algorithm=digest` or '', size or ''. */
export type RecordRow = readonly [path: string, hash: string, size: string];

/** Reads a RECORD file (CSV; PEP 376, PEP 627). */
export function parseRecord(text: string): RecordRow[] {
  return text
    .split(/\r?\n/)
    .filter((line) => line !== '')
    .map((line) => {
      const [path = '', hash = '', size = ''] = parseCsvLine(line);
      return [path, hash, size] as const;
    });
}

/** Writes rows as pip does: sorted by code point, CRLF, minimal quoting (pip/_internal/operations/install/wheel.py). */
export function formatRecord(rows: readonly RecordRow[]): string {
  return [...rows].sort(compareRows).map((row) => `${row.map(quote).join(',')}\r\n`).join('');
}

/** The row of a file whose bytes are at hand. */
export function hashedRow(path: string, bytes: string | Uint8Array): RecordRow {
  return [path, `sha256=${sha256Base64Url(bytes)}`, String(Buffer.byteLength(bytes))];
}

/**
 * Puts rows into a RECORD that is sorted already, without taking it apart: `text` has tens of thousands of rows, `rows` a few.
 */
export function insertRows(text: string, rows: readonly RecordRow[]): string {
  if (rows.length === 0) return text;
  const lines = text.split('\r\n');
  lines.pop();
  const added = [...rows].sort(compareRows);
  const result: string[] = [];
  let next = 0;
  for (const line of lines) {
    for (let row = added[next]; row && compareStrings(row[0], pathOf(line)) < 0; row = added[++next]) result.push(formatRow(row));
    result.push(line);
  }
  result.push(...added.slice(next).map(formatRow), '');
  return result.join('\r\n');
}

function formatRow(row: RecordRow): string {
  return row.map(quote).join(',');
}

function pathOf(line: string): string {
  return line.startsWith('"') ? (parseCsvLine(line)[0] ?? '') : line.slice(0, line.indexOf(','));
}

function parseCsvLine(line: string): string[] {
  if (!line.includes('"')) return line.split(',');
  const fields: string[] = [];
  const pattern = /(?:"((?:[^"]|"")*)"|([^,]*))(?:,|$)/gy;
  while (pattern.lastIndex < line.length) {
    const match = pattern.exec(line);
    if (!match) break;
    fields.push(match[1] === undefined ? (match[2] ?? '') : match[1].replaceAll('""', '"'));
  }
  return fields;
}

function quote(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

function compareRows(a: RecordRow, b: RecordRow): number {
  return compareStrings(a[0], b[0]) || compareStrings(a[1], b[1]) || compareStrings(a[2], b[2]);
}

/** Python compares code points, JavaScript UTF-16 units; they differ only beyond the basic plane. */
function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  // eslint-disable-next-line no-control-regex -- plain ASCII is the common case and compares alike
  if (/^[\x00-\ud7ff]*$/.test(a) && /^[\x00-\ud7ff]*$/.test(b)) return a < b ? -1 : 1;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
