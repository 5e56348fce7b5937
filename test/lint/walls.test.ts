import { join } from 'node:path';
import { ESLint } from 'eslint';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

// Without types: the walls need none, and a snippet belongs to no project.
const eslint = new ESLint({
  cwd: root,
  overrideConfig: [{ languageOptions: { parserOptions: { project: null } } }],
  ruleFilter: ({ ruleId }) => !ruleId.startsWith('@typescript-eslint/'),
});

/** The rules that a snippet breaks, were it a file of that path. */
async function broken(path: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath: join(root, path) });
  return result!.messages.map(({ ruleId, message }) => ruleId ?? message);
}

const WALLS = 'pkg-cache/walls';
const PROPERTY = 'no-restricted-properties';

describe('held', () => {
  it.each([
    ['src/pip/flow.ts', `import { open } from '../store/open.ts';`, WALLS],
    ['src/pip/place/x.ts', `import type { Store } from '../../store/store.ts';`, WALLS],
    ['src/pip/flow.ts', `export * from '../fleet/spool.ts';`, WALLS],
    ['src/pip/flow.ts', `export { run } from '../cli/run.ts';`, WALLS],
    ['src/pip/flow.ts', `await import('../store/open.ts');`, WALLS],
    ['src/npm/flow.ts', `import { pull } from '../fleet/pull.ts';`, WALLS],
    ['src/npm/flow.ts', `import { name } from '../pip/names.ts';`, WALLS],
    ['src/store/s3.ts', `import { entryId } from '../cache/entry.ts';`, WALLS],
    ['src/store/s3.ts', `import { x } from '../pip/x.ts';`, WALLS],
    ['src/store/s3.ts', `import { x } from '../fleet/x.ts';`, WALLS],
    ['src/cache/local.ts', `import { x } from '../store/x.ts';`, WALLS],
    ['src/cache/local.ts', `import { x } from '../pip/x.ts';`, WALLS],
    ['src/cache/local.ts', `import { x } from '../fleet/x.ts';`, WALLS],
    ['src/archive/pack.ts', `import { x } from '../cache/local.ts';`, WALLS],
    ['src/archive/pack.ts', `import { x } from '../store/store.ts';`, WALLS],
    ['src/fleet/push.ts', `import { x } from '../pip/x.ts';`, WALLS],
    ['src/main.ts', `import yargs from 'yargs';`, WALLS],
    ['src/fleet/push.ts', `await import('yargs/helpers');`, WALLS],
    ['src/fleet/push.ts', `import { S3Client } from '@aws-sdk/client-s3';`, WALLS],
    ['src/cli/status.ts', `await import('@aws-sdk/lib-storage');`, WALLS],
    ['src/pip/flow.ts', `export const home = process.env.HOME;`, PROPERTY],
    ['src/main.ts', `export const home = process.env['HOME'];`, PROPERTY],
    ['src/cli/status.ts', `export const { env } = process;`, PROPERTY],
    ['src/pip/flow.ts', `process.exit(1);`, PROPERTY],
    ['src/config.ts', `process.exit(1);`, PROPERTY],
    ['src/pip/flow.ts', `import { env } from 'node:process';`, 'no-restricted-imports'],
    ['src/pip/flow.ts', `console.log('x');`, 'no-console'],
    ['src/config.ts', `console.error('x');`, 'no-console'],
    ['src/pip/long.ts', `export function f() {\n${'  f();\n'.repeat(60)}}`, 'max-lines-per-function'],
    ['src/pip/long.ts', 'f();\n'.repeat(301), 'max-lines'],
  ])('%s: %s', async (path, code, rule) => {
    expect(await broken(path, code)).toEqual([rule]);
  });
});

describe('open', () => {
  it.each([
    ['src/pip/flow.ts', `import { x } from '../cache/local.ts'; import { y } from '../archive/list.ts'; x(y);`],
    ['src/pip/place/flow.ts', `import { x } from '../store-like.ts'; x();`],
    ['src/archive/pack.ts', `import { x } from '../cache/entry.ts'; import { y } from '../errors.ts'; x(y);`],
    ['src/store/s3.ts', `import { S3Client } from '@aws-sdk/client-s3'; new S3Client();`],
    ['src/cli/main.ts', `import yargs from 'yargs'; console.log(yargs);`],
    ['src/main.ts', `await import('./store/open.ts'); console.log('x');`],
    ['src/config.ts', `export const home = process.env['HOME'];`],
    ['test/pip/flow.test.ts', `console.log(process.env['HOME']);`],
  ])('%s: %s', async (path, code) => {
    expect(await broken(path, code)).toEqual([]);
  });
});
