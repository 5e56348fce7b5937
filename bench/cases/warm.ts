import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { s3Env, startS3 } from '../../test/support/s3-server.ts';
import { compare, type Row } from '../compare.ts';
import type { Env, Lab } from '../lab.ts';
import { measure, type Way } from '../measure.ts';
import { NpmLab, wayThere } from '../npm-lab.ts';
import { large, others } from '../sets.ts';
import { fill, type Case } from './case.ts';

const LATENCY_MS = 25;
const BYTES_PER_SECOND = 50e6;

/** A worker that starts with an empty cache, behind a network: by the snapshot, entry by entry, and what the network and tar alone take. */
export const warm: Case = async ({ lab, source, rounds }) => {
  process.env['TMPDIR'] = lab.path('tmp'); // where the server keeps its objects
  const s3 = await startS3();
  const link = spawn(process.execPath, [join(source, 'bench/slow-link.mjs'), new URL(s3.url).port, String(LATENCY_MS), String(BYTES_PER_SECOND)], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const [port] = (await once(link.stdout, 'data')) as [Buffer];
    const near = { ...s3.env, PKG_CACHE_STORE: `s3://${s3.bucket}/bench`, PKG_CACHE_SYNC_INTERVAL: '0', PKG_CACHE_DIR: lab.path('first-cache') };
    const began = performance.now();
    fillAll(lab, source, near);
    const installing = performance.now() - began;
    const { stdout } = pkgCache(lab, ['snapshot', '--now'], near);
    process.stderr.write(`  ${stdout}`);
    const count = Number(/: (\d+) entries/.exec(stdout)![1]);
    execFileSync('tar', ['-c', '-f', join(s3.data, 'objects', s3.bucket, TAR), '-C', near.PKG_CACHE_DIR, 'v1/entries']);
    rmSync(near.PKG_CACHE_DIR, { recursive: true });
    const far = { ...near, ...s3Env(`http://127.0.0.1:${String(port).trim()}`), PKG_CACHE_DIR: lab.path('second-cache') };
    return rows(measure(ways(lab, far, `/${s3.bucket}/${TAR}`), rounds), count, installing);
  } finally {
    link.kill();
    await s3.stop();
  }
};

/** 500 distributions, and some 1,500 packages of two npm projects. */
function fillAll(lab: Lab, source: string, env: Env): void {
  fill(lab, large(source), env);
  lab.shim(['--no-deps', '-r', others(source).file], env);
  lab.flush(env);
  new NpmLab(lab, source).shim({ ...env, ...wayThere() });
  new NpmLab(lab, source, 'npm-more').shim({ ...env, ...wayThere() }, 'install'); // `npm ci` does not believe its own lockfile
  lab.flush(env);
}

/** All entries as they lie in the cache, in one object. */
const TAR = 'plain.tar';

const SNAPSHOT = 'pkg-cache warm';
const ONE_BY_ONE = 'pkg-cache sync --once';
const PLAIN = '`curl` of one tar of all files, one connection, into `tar -x`';

function ways(lab: Lab, env: Env & { PKG_CACHE_DIR: string }, tar: string): Way[] {
  const empty = (): void => {
    for (const path of [env.PKG_CACHE_DIR, lab.path('plain')]) rmSync(path, { recursive: true, force: true });
    mkdirSync(lab.path('plain'));
  };
  return [
    { name: SNAPSHOT, prepare: empty, run: () => pkgCache(lab, ['warm', '--strict'], env).took },
    { name: ONE_BY_ONE, prepare: empty, run: () => pkgCache(lab, ['sync', '--once'], env).took },
    { name: PLAIN, prepare: empty, run: () => lab.run('/bin/sh', ['-c', `set -e; ${curl(env, tar)} | tar -x -C ${lab.path('plain')}`], lab.env(false)).took, settle: empty },
  ];
}

function rows(times: ReadonlyMap<string, readonly number[]>, count: number, installing: number): Row[] {
  const label = `warm start, ${count} entries, ${LATENCY_MS} ms and ${BYTES_PER_SECOND / 1e6} MB/s per connection`;
  const withInstall = new Map([...times, ['installing them, with downloads and uploads', times.get(SNAPSHOT)!.map(() => installing)]]);
  return [
    compare(withInstall, label, SNAPSHOT, ONE_BY_ONE, { kind: 'ratio', limit: 1 / 5 }),
    compare(withInstall, label, SNAPSHOT, PLAIN, { kind: 'ratio', limit: 1 / 0.8 }),
    compare(withInstall, label, SNAPSHOT, 'installing them, with downloads and uploads'),
  ];
}

function pkgCache(lab: Lab, args: readonly string[], env: Env): { took: number; stdout: string } {
  return lab.run(join(lab.shims, 'pkg-cache'), args, lab.env(true, env));
}

function curl(env: Env, path: string): string {
  return `curl -sf -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' --aws-sigv4 aws:amz:us-east-1:s3 --user ${env['AWS_ACCESS_KEY_ID']}:${env['AWS_SECRET_ACCESS_KEY']} '${env['AWS_ENDPOINT_URL_S3']}${path}'`;
}
