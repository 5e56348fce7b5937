import { assertWritable } from '../../cache/writable.ts';
import { PkgCacheError } from '../../errors.ts';
import type { Fleet } from '../../fleet/fleet.ts';
import { AT_ONCE } from '../../fleet/pace.ts';
import type { Progress as Unpacking } from '../../fleet/snapshot/unpack.ts';
import { warm as warmUp, type Warmed } from '../../fleet/snapshot/warm.ts';
import { catchUp } from '../../fleet/sync.ts';
import { NO_ROOM } from '../fleet-status.ts';
import { explained } from '../doctor/check.ts';
import type { Command } from '../command.ts';
import { showProgress, type Steps } from '../progress.ts';
import { formatBytes, formatCount } from '../terminal.ts';
import { openFleet } from '../world.ts';

export const warm: Command<{ strict: boolean }> = {
  command: 'warm',
  describe: "Fill the cache of a worker that starts: from the fleet's newest snapshot, and what was stored since",
  builder: (argv) =>
    argv
      .option('strict', { type: 'boolean', default: false, describe: 'Exit 1 if there was nothing to warm up with, or it could not be done' })
      .example('$0 warm && exec worker', 'in the entrypoint of an image: says so and goes on where there is no snapshot'),
  exits: '0 warmed up, or it could not be done (a line on stderr says why); with --strict 1 for the latter',
  run: async ({ strict }) => {
    try {
      const { fleet, close } = await openFleet(AT_ONCE);
      try {
        assertWritable(fleet.cache); // before anything is downloaded
        const isWarm = await bringSnapshot(fleet);
        if (isWarm) await bringNews(fleet);
        return isWarm || !strict ? 0 : 1;
      } finally {
        close();
      }
    } catch (error) {
      // Whatever it is, a worker does without: it must not keep an entrypoint from going on.
      const { what, next } = explained(error);
      console.error(`pkg-cache: not warmed up: ${what}${next === undefined ? '' : ` (${next})`}`);
      return strict ? 1 : 0;
    }
  },
};

/** Whether there is something to tell but that there was no snapshot. */
async function bringSnapshot(fleet: Fleet): Promise<boolean> {
  const started = performance.now();
  let now: Unpacking = { entries: 0, bytes: 0, ofEntries: 0, ofBytes: 0 };
  const seconds = (): number => (performance.now() - started) / 1000;
  const progress = showProgress('warming up', () => describeSteps(now, seconds()));
  try {
    const warmed = await warmUp(fleet, (steps) => (now = steps));
    progress.done();
    return tell(warmed, now.bytes, seconds());
  } finally {
    progress.done();
  }
}

function describeSteps({ entries, bytes, ofEntries, ofBytes }: Unpacking, seconds: number): Steps {
  if (ofEntries === 0) return { figures: 'looking for a snapshot' };
  const figures = `${entries} of ${ofEntries} entries, ${formatBytes(bytes)} of ${formatBytes(ofBytes)}, ${formatBytes(Math.round(bytes / Math.max(0.001, seconds)))}/s`;
  return { figures, part: ofBytes === 0 ? 1 : bytes / ofBytes };
}

/** What was stored after the snapshot was made, and what could not be had from it. That it cannot be had is told, and no more. */
async function bringNews(fleet: Fleet): Promise<void> {
  let brought = 0;
  const progress = showProgress('one by one', () => ({ figures: `${brought} brought down` }));
  try {
    const before = fleet.leftOut.size; // of the snapshot, and told
    const { down, behind } = await catchUp(fleet, (now) => (brought = now)).finally(progress.done);
    const more = behind - before;
    if (down > 0 || more > 0) console.log(`one by one: ${down} brought down${more > 0 ? `, ${more} left out` : ''}`);
  } catch (error) {
    if (!(error instanceof PkgCacheError)) throw error;
    console.error(`pkg-cache: nothing besides the snapshot: ${error.message}`);
  }
}

/** As `bringSnapshot`. */
function tell({ period, unpacked, problems }: Warmed, bytes: number, seconds: number): boolean {
  const [first, ...others] = problems;
  if (first) console.error(`pkg-cache: ${first.message}${others.length > 0 ? ` (and ${others.length} more)` : ''}`);
  if (!unpacked) {
    console.error('pkg-cache: no snapshot to warm up with');
    return false;
  }
  const { made, present, failed, full } = unpacked;
  const rest = [...(present > 0 ? [`${present} were there`] : []), ...(failed > 0 ? [`${failed} left out${full ? `: ${NO_ROOM[full]}` : ''}`] : [])];
  console.log(`snapshot ${period}: ${formatCount(made, 'entry', 'entries')}, ${formatBytes(bytes)} in ${seconds.toFixed(1)} s${rest.length > 0 ? `; ${rest.join(', ')}` : ''}`);
  return true;
}
