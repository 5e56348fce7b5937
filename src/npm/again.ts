import type { TreeMeta } from './entry.ts';
import { Placement, inTurn, type Serving } from './placement.ts';

/**
 * As `serve`, for a project whose lockfile may be unread, with a copy of its tree that was made when it was served before: nothing is found out
 * that was found out then.
 */
export async function serveAgain(serving: Serving): Promise<boolean> {
  const { context, key } = serving;
  const placement = new Placement(serving);
  return await inTurn(serving, async () => {
    const tree = context.cache.lookup<TreeMeta>(key);
    return tree !== undefined && placement.mayPrepare(tree) && (await placement.putPrepared(tree));
  });
}
