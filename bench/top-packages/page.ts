import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Result } from './sweep.ts';

const MINORS = ['3.9', '3.11', '3.12', '3.13'];
const BEGIN = '<!-- results -->';
const END = '<!-- end of results -->';

/** Puts what is known of the projects between the marks of docs/top-packages.md: counts for each Python, and a row for each that is not equal. */
export function writePage(source: string, projects: readonly string[], results: (minor: string) => ReadonlyMap<string, Result>): void {
  const page = join(source, 'docs/top-packages.md');
  const [before = '', rest = ''] = readFileSync(page, 'utf8').split(BEGIN);
  const [, after = ''] = rest.split(END);
  const tables = [...counts(projects, results), '', ...others(projects, results)].join('\n');
  writeFileSync(page, `${before}${BEGIN}\n\n${tables}\n\n${END}${after}`);
}

function counts(projects: readonly string[], results: (minor: string) => ReadonlyMap<string, Result>): string[] {
  const rows = MINORS.map((minor) => {
    const known = projects.flatMap((project) => results(minor).get(project) ?? []);
    const equal = known.filter(({ outcome }) => outcome === 'equal').length;
    return `| ${minor} | ${equal} | ${known.length - equal} | ${projects.length - known.length} |`;
  });
  return ['| CPython | cached, and served equal | not, see below | not tried |', '|---|---|---|---|', ...rows];
}

function others(projects: readonly string[], results: (minor: string) => ReadonlyMap<string, Result>): string[] {
  const rows = projects.flatMap((project) => {
    const odd = MINORS.map((minor) => ({ minor, result: results(minor).get(project) })).filter(({ result }) => result !== undefined && result.outcome !== 'equal');
    const reasons = [...new Set(odd.map(({ result }) => `${result?.outcome === 'pip' ? 'the real pip does not install it' : (result?.outcome ?? '')}: ${result?.why ?? ''}`))];
    return odd.length === 0 ? [] : [`| ${project} | ${odd.map(({ minor }) => minor).join(', ')} | ${reasons.join('; ').replaceAll('|', '\\|')} |`];
  });
  return rows.length === 0 ? [] : ['| project | CPython | what, and why |', '|---|---|---|', ...rows];
}
