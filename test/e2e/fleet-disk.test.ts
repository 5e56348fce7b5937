import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, type Outcome } from '../support/run.ts';
import { startWorld, type World } from './support/world.ts';
import type { Worker } from './support/worker.ts';

/** A small tmpfs in a mount namespace of its own needs Linux and the right to mount. */
const canMount = spawnSync('unshare', ['-m', 'sh', '-c', 'mount -t tmpfs -o size=1m none /mnt'], { stdio: 'ignore' }).status === 0;
if (!canMount) console.warn('No disk is filled: mounting is not allowed here');

const OLD = ['old0==1', 'old1==1', 'old2==1', 'old3==1', 'old4==1'];
const NEW = ['new0==1', 'new1==1', 'new2==1', 'new3==1', 'new4==1', 'new5==1'];
const MB = 1e6;
const FLOOR = 8;

let world: World;
/** The cache of a worker that has what nobody has used for long. */
let seed: string;

beforeAll(async () => {
  if (!canMount) return;
  world = await startWorld({ store: true });
  for (const pin of [...OLD, ...NEW]) world.wheel({ name: pin.split('==')[0]!, version: '1', files: { [`${pin.slice(0, 4)}/data.bin`]: new Uint8Array(3 * MB).fill(pin.charCodeAt(3)) } });
  const builder = world.worker();
  await builder.fill(await world.venv(), NEW);
  expect(await builder.cli(['snapshot', '--now'])).toMatchObject({ code: 0 });
  const old = world.worker({ PKG_CACHE_STORE: undefined });
  await old.fill(await world.venv(), OLD);
  for (const { path } of await old.rows()) utimesSync(join(path, 'entry.json'), 1_600_000_000, 1_600_000_000);
  seed = old.cache;
});

afterAll(async () => await world?.stop());

/** `pkg-cache warm` on a disk of so many MB that has the old entries; then what is cached, and how much is free. */
async function warmOn(size: number, worker: Worker): Promise<Outcome & { cached: string[]; free: number }> {
  const out = join(world.root, `out-${size}`);
  for (const path of [worker.cache, out]) mkdirSync(path, { recursive: true });
  const script = `mount -t tmpfs -o size=${size}m none "$PKG_CACHE_DIR" && cp -a "$SEED/." "$PKG_CACHE_DIR" && pkg-cache warm; code=$?
    stat -f -c '%a %S' "$PKG_CACHE_DIR" > "$OUT/free"; cp -a "$PKG_CACHE_DIR/v1/entries" "$OUT"; exit $code`;
  const env = { ...worker.env, PATH: `${worker.shims}:${worker.env['PATH']}`, SEED: seed, OUT: out, PKG_CACHE_MIN_FREE: `${FLOOR}M` };
  const outcome = await run('unshare', ['-m', 'sh', '-c', script], { cwd: '/', env });
  const [blocks = 0, unit = 0] = readFileSync(join(out, 'free'), 'utf8').split(' ').map(Number);
  const seen = world.worker();
  mkdirSync(join(seen.cache, 'v1'), { recursive: true });
  cpSync(join(out, 'entries'), join(seen.cache, 'v1/entries'), { recursive: true, preserveTimestamps: true });
  expect(readdirSync(join(out, 'entries')).length).toBeGreaterThan(0);
  return { ...outcome, cached: await seen.cached(), free: blocks * unit };
}

describe.runIf(canMount)('warming up on a disk that is nearly full', () => {
  it('evicts what was not used for long, and leaves free what must stay so', async () => {
    const { code, stdout, stderr, cached, free } = await warmOn(38, world.worker());
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^snapshot \S+: 6 entries, /);
    expect(cached).toEqual(expect.arrayContaining(NEW));
    const left = cached.filter((pin) => OLD.includes(pin));
    expect(left.length).toBeGreaterThan(0);
    expect(left.length).toBeLessThan(OLD.length);
    expect(free).toBeGreaterThanOrEqual(FLOOR * MB);
  });

  it('ends with what fits where there is nothing to evict any more', async () => {
    const { code, stdout, cached, free } = await warmOn(24, world.worker());
    expect(code).toBe(0);
    expect(stdout).toContain('left out: the disk has no room to spare');
    expect(cached.length).toBeGreaterThan(0);
    expect(cached.filter((pin) => OLD.includes(pin))).toEqual([]);
    expect(free).toBeGreaterThanOrEqual(FLOOR * MB);
  });
});
