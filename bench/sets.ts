import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from './lab.ts';

/** A requirements file: pinned and closed. */
export interface Set {
  readonly file: string;
  readonly count: number;
}

const SMALL = ['flask', 'blinker', 'click', 'itsdangerous', 'jinja2', 'markupsafe', 'werkzeug'];

const AIOHTTP = ['aiohttp', 'aiohappyeyeballs', 'aiosignal', 'attrs', 'frozenlist', 'idna', 'multidict', 'propcache', 'typing_extensions', 'yarl'];
const REQUESTS = ['requests', 'certifi', 'charset-normalizer', 'urllib3'];
const RICH = ['rich', 'markdown-it-py', 'mdurl', 'pygments'];
const PYDANTIC = ['pydantic', 'annotated-types', 'pydantic_core', 'typing-inspection'];
const PYTEST = ['pytest', 'iniconfig', 'packaging', 'pluggy'];
const MEDIUM = [...SMALL, ...AIOHTTP, ...REQUESTS, ...RICH, ...PYDANTIC, ...PYTEST, 'pyyaml'];

/** Flask and its 6 dependencies. */
export function small(source: string, lab: Lab): Set {
  return part(source, lab, 'small', SMALL);
}

/** Some 30 wheels, a third of them compiled. */
export function medium(source: string, lab: Lab): Set {
  return part(source, lab, 'medium', MEDIUM);
}

/** 150 wheels. */
export function large(source: string): Set {
  const file = join(source, 'bench/sets/wheels-cp312.txt');
  return { file, count: pins(file).length };
}

/** 350 more, which need not fit each other. */
export function others(source: string): Set {
  const file = join(source, 'bench/sets/wheels-cp312-more.txt');
  return { file, count: pins(file).length };
}

function part(source: string, lab: Lab, name: string, names: readonly string[]): Set {
  const all = pins(large(source).file);
  const lines = names.map((each) => {
    const pin = all.find((line) => line.startsWith(`${each}==`));
    if (pin === undefined) throw new Error(`${each} is not in the large set`);
    return pin;
  });
  const file = lab.path(`${name}.txt`);
  writeFileSync(file, `${lines.join('\n')}\n`);
  return { file, count: lines.length };
}

function pins(file: string): string[] {
  return readFileSync(file, 'utf8').split('\n').filter((line) => line.includes('=='));
}
