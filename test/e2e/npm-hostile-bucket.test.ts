import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create } from 'tar';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packEntry } from '../../src/archive/pack.ts';
import { LAYOUT, serialiseFiles, type Entry } from '../../src/cache/entry.ts';
import { groupOf, everywhereOf } from '../../src/fleet/group.ts';
import { writeRecords } from '../../src/fleet/journal.ts';
import { MAX_POINTER, archiveKey, encodePointer, originalKey, pointerKey, type Pointer } from '../../src/fleet/objects.ts';
import { listAll, readSmall } from '../../src/fleet/small.ts';
import { unseal } from '../../src/fleet/seal.ts';
import { encodeIndex, encodeSnapshotPointer, periodName, snapshotKeys } from '../../src/fleet/snapshot/format.ts';
import { sha256, sha512 } from '../../src/hash.ts';
import { packageKey, type PackageMeta, type TreeMeta } from '../../src/npm/entry.ts';
import { memoryCircuit } from '../../src/store/circuit.ts';
import { openStore } from '../../src/store/open.ts';
import type { Store } from '../../src/store/store.ts';
import { writeFiles } from '../cache/support.ts';
import { NpmLab } from './support/npm-lab.ts';
import { treeOf, type Tree } from './support/tree.ts';

let lab: NpmLab;
let store: Store;
let directory: string;
let expected: Tree;
let made = 0;

beforeAll(async () => {
  lab = await NpmLab.start();
  lab.registry.publish({ name: 'leaf', version: '1.0.0', files: { 'index.js': 'module.exports = 1;\n' } });
  directory = await lab.project({ dependencies: { leaf: '1.0.0' } });
  expected = (await lab.reference(directory)).tree;
  await lab.filled(directory);
  store = await openStore(lab.world.store!, { env: lab.world.s3!.env, circuit: memoryCircuit() });
}, 300_000);

afterAll(async () => {
  store.close();
  await lab.stop();
});

/** An archive of files that nobody has published, and a manifest under the key of the package of the lockfile. */
function forged(more: object): { entry: Entry<PackageMeta>; archive: Buffer } {
  const { packages } = JSON.parse(readFileSync(join(directory, 'package-lock.json'), 'utf8')) as { packages: Record<string, { integrity: string }> };
  const { integrity } = packages['node_modules/leaf']!;
  const treeDir = join(lab.world.root, `forged-${made++}`);
  mkdirSync(treeDir);
  const files = writeFiles(treeDir, { 'index.js': 'module.exports = "forged";\n', 'package.json': '{"name":"leaf","version":"1.0.0"}' });
  const filesJson = serialiseFiles(files);
  packEntry({ files, filesJson, treeDir }, `${treeDir}.tar`);
  const size = files.reduce((sum, file) => sum + file.size, 0);
  const entry = { layout: LAYOUT, key: packageKey('leaf', '1.0.0', integrity), version: '1.0.0', archive: { filename: 'leaf.tgz', sha256: sha256(''), ...more }, size, count: files.length, files: sha256(filesJson), meta: { integrity, crlf: [] } } as const;
  return { entry, archive: readFileSync(`${treeDir}.tar`) };
}

async function throughTheJournal({ entry, archive }: ReturnType<typeof forged>): Promise<void> {
  await store.create(archiveKey(sha256(archive)), archive);
  await store.remove(pointerKey(entry.key));
  await store.create(pointerKey(entry.key), encodePointer({ entry, archive: { sha256: sha256(archive), size: archive.length } }));
  await writeRecords(store, everywhereOf(undefined), [{ key: entry.key, size: entry.size }], await store.now());
}

async function throughASnapshot({ entry, archive }: ReturnType<typeof forged>): Promise<void> {
  const now = await store.now();
  const keys = snapshotKeys(groupOf(undefined), periodName(now), 'builder');
  await store.create(keys.pack, archive);
  const index = encodeIndex({ layout: LAYOUT, pack: { key: keys.pack, size: archive.length }, journal: undefined, members: [{ at: 0, size: archive.length, used: now, entry }] });
  await store.create(keys.index, index);
  await store.create(keys.pointer, encodeSnapshotPointer({ layout: LAYOUT, index: { key: keys.index, sha256: sha256(index), size: index.length }, count: 1, bytes: archive.length }));
}

describe('a package that the lockfile states the hash of is made of nothing but the tarball with that hash', () => {
  it.each([
    ['a pointer and a record of the journal', throughTheJournal, {}],
    ['those of an entry that says it was made of a tarball', throughTheJournal, { sha512: sha512(Buffer.from('x')) }],
    ['a snapshot', throughASnapshot, {}],
  ])('%s', async (_what, forge, more) => {
    await forge(forged(more));
    const worker = lab.world.worker({ PKG_CACHE_READ_ONLY: 'on' });
    for (const command of [['warm'], ['sync', '--once']]) expect(await worker.cli(command)).toMatchObject({ code: 0 });
    expect(await lab.npm(worker, directory, ['ci'])).toMatchObject({ code: 0 });
    expect(treeOf(directory)).toEqual(expected);
  });
});

/** A tarball with one file, under its own hash, and a tree that has it at a location before the package that belongs there. */
async function besideAnother(): Promise<void> {
  const source = join(lab.world.root, 'beside');
  writeFiles(source, { 'package/extra.js': 'module.exports = "forged";\n' });
  await create({ gzip: true, portable: true, cwd: source, file: `${source}.tgz` }, ['package/extra.js']);
  const tarball = readFileSync(`${source}.tgz`);
  await store.create(originalKey(sha512(tarball)), tarball);
  const [at = ''] = (await listAll(store, 'v1/npm/')).map(({ key }) => key).filter((key) => key.includes('/node_modules/'));
  const pointer = unseal((await readSmall(store, at, MAX_POINTER))!) as Pointer<TreeMeta>;
  const { meta } = pointer.entry;
  const integrity = `sha512-${Buffer.from(sha512(tarball), 'hex').toString('base64')}`;
  await store.remove(at);
  await store.create(at, encodePointer({ ...pointer, entry: { ...pointer.entry, meta: { ...meta, packages: [['node_modules/leaf', integrity], ...meta.packages] } } }));
}

it('a package that is placed where another one belongs is no part of a tree', async () => {
  await besideAnother();
  const worker = lab.world.worker({ PKG_CACHE_READ_ONLY: 'on' });
  expect(await lab.npm(worker, directory, ['ci'])).toMatchObject({ code: 0 });
  expect(treeOf(directory)).toEqual(expected);
});
