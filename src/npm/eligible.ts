import type { EntryKey } from '../cache/entry.ts';
import { treeKey } from './entry.ts';
import { whyNotPrinted } from './output.ts';
import { platformOf } from './platform.ts';
import { fingerprint, type Project } from './project.ts';
import type { NpmRequest } from './recognise/request.ts';
import { scriptPolicy, withScripts } from './script-policy.ts';

/** Of the tree that npm would make of a project. */
export function keyOf(project: Project, request: NpmRequest): EntryKey {
  const platform = platformOf(request);
  return treeKey(fingerprint(project, request, platform), platform);
}

/** Why npm has to do an install, whatever is in the cache; undefined if there is no reason. */
export function whyNotServed(request: NpmRequest, project: Project | undefined): string | undefined {
  if (!project) return 'only npm can read the project';
  if (request.force) return 'option force';
  if (!request.ignoreScripts && project.hasScripts) return 'the project has scripts of its own';
  if (request.foregroundScripts && withScripts(scriptPolicy(project), request).length > 0) return 'install scripts are to be seen';
  return whyNotPrinted(request);
}
