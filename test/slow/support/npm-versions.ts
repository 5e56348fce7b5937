import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { once } from '../../support/once.ts';
import { mustRun } from '../../support/run.ts';
import type { Env } from '../../e2e/support/worker.ts';

/** An npm of the registry, and the Node that it wants; undefined is the one on PATH. */
export interface NpmVersion {
  readonly npm: string | undefined;
  readonly node: string | undefined;
}

/** A directory for PATH with this npm and its Node in it. Fetched once per run, by the npm on PATH. */
export async function binOf({ npm, node }: NpmVersion, env: Env): Promise<string | undefined> {
  if (npm === undefined) return undefined;
  const root = await once(`npm-${npm}`, async (directory) => {
    mkdirSync(join(directory, 'bin'));
    const fetched = async (spec: string): Promise<string> => {
      const cwd = join(directory, spec.replace(/\W/g, '-'));
      mkdirSync(cwd);
      writeFileSync(join(cwd, 'package.json'), '{}');
      await mustRun('npm', ['install', '--no-save', spec], { cwd, env });
      return join(cwd, 'node_modules', spec.slice(0, spec.lastIndexOf('@')));
    };
    symlinkSync(join(await fetched(`npm@${npm}`), 'bin/npm-cli.js'), join(directory, 'bin/npm'));
    symlinkSync(node === undefined ? realpathSync(process.execPath) : join(await fetched(`node@${node}`), 'bin/node'), join(directory, 'bin/node'));
  });
  return join(root, 'bin');
}
