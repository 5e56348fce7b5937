import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { InstallContext } from '../../context.ts';
import type { Report } from '../inside/plan.ts';
import type { Project } from '../project.ts';
import type { NpmRequest } from '../recognise/request.ts';
import type { BuiltDetails } from './collect.ts';
import { allValues } from './evidence.ts';
import { builtKeys, ingredientsAt, outsideKeys } from './find.ts';
import { windowOf, windowsOf } from './window.ts';

/** What has to be known to collect what install scripts have made; undefined if none has run. */
export function builtDetails(context: InstallContext, request: NpmRequest, project: Project, report: Report): BuiltDetails | undefined {
  const { cache, env, home, owner } = context;
  const run = report.scripts.filter(({ ended }) => ended !== undefined);
  const ingredients = ingredientsAt([...new Set(run.map(({ location }) => location))], project.lock);
  const keys = builtKeys(ingredients, { request, env, cache });
  if (keys.size === 0) return undefined;
  const spared = new Set(run.flatMap((script) => (script.spared ? [script.location] : [])));
  const directory = realpathSync(project.directory);
  const nodeGyp = env['npm_config_devdir'] ?? join(env['XDG_CACHE_HOME'] ?? join(home, '.cache'), 'node-gyp');
  return {
    keys: [...keys],
    made: [...keys.keys()].filter((location) => !spared.has(location)),
    window: windowOf(report),
    windows: [...windowsOf(report)],
    umask: owner.umask | request.umask,
    directory,
    roots: project.roots,
    home,
    values: allValues({ ...env, ...request.scriptEnv }),
    outside: [...outsideKeys(ingredients, request)],
    caches: [request.cache, nodeGyp, join(cache.root, '..')],
  };
}
