import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NpmLab, said } from './support/npm-lab.ts';
import { treeOf } from './support/tree.ts';

let lab: NpmLab;

beforeAll(async () => {
  lab = await NpmLab.start();
  for (const version of ['1.0.0', '2.0.0']) lab.registry.publish({ name: 'leaf', version, manifest: { bin: 'index.js' } });
  lab.registry.publish({ name: 'twig', version: '1.0.0', manifest: { dependencies: { leaf: '1.0.0' } } });
  const inner = JSON.stringify({ name: 'leaf', version: '1.0.0', description: 'not that of the registry' });
  lab.registry.publish({ name: 'bundle', version: '1.0.0', manifest: { dependencies: { leaf: '1.0.0' }, bundleDependencies: ['leaf'] }, files: { 'node_modules/leaf/package.json': inner } });
  lab.registry.publish({ name: 'modes', version: '1.0.0', files: { owner: 'a', others: 'b', none: 'c' }, modes: { owner: 0o744, others: 0o645, none: 0o600 } });
}, 300_000);

afterAll(() => lab.stop());

/** Has a project served without the registry, and compares what is there then, and was said, with the real npm's. */
async function servedAsByNpm(directory: string, env: Record<string, string> = {}): Promise<void> {
  const { outcome, tree } = await lab.reference(directory);
  const worker = await lab.filled(directory, env);
  const hit = await lab.withoutRegistry(() => lab.npm(worker, directory, ['ci']));
  expect({ code: hit.code, said: said(hit) }).toEqual({ code: 0, said: said(outcome) });
  expect(hit.stdout).toContain('from the cache');
  expect(treeOf(directory)).toEqual(tree);
  expect(await lab.realNpm(directory, ['ls', '--all'])).toMatchObject({ code: 0 });
}

describe('bundles', () => {
  it('of the project are installed like any other package', async () => {
    await servedAsByNpm(await lab.project({ dependencies: { twig: '1.0.0', leaf: '2.0.0' }, bundleDependencies: ['twig'] }));
  });

  it('of a package are what is in its tarball', async () => {
    await servedAsByNpm(await lab.project({ dependencies: { bundle: '1.0.0', twig: '1.0.0' } }));
  });
});

it.each(['private', 'hardlink'])('files that only some may execute (%s)', async (mode) => {
  await servedAsByNpm(await lab.project({ dependencies: { modes: '1.0.0' }, description: mode }), { PKG_CACHE_LINK_MODE: mode });
});
