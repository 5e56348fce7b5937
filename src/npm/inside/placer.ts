import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import type { LocalCache, LocalEntry } from '../../cache/local.ts';
import type { BuiltMeta } from '../built/key.ts';
import { whatIsPassedOn } from '../../cache/passed-on.ts';
import { copyPackage, modesOf } from '../copy-package.ts';
import type { PackageMeta } from '../entry.ts';
import { feedOne } from '../feed.ts';
import type { Plan } from './plan.ts';

/** Puts packages where npm wants them; says whether it could, and otherwise leaves everything to npm. */
export class Placer {
  placed = 0;
  readonly #plan: Plan;
  readonly #cache: LocalCache;
  readonly #built = new Map<string, boolean>();

  constructor(plan: Plan, cache: LocalCache) {
    this.#plan = plan;
    this.#cache = cache;
  }

  /** Unpacks the package with this integrity into a directory, in which there may be packages already. */
  place(integrity: string, destination: string): boolean {
    const { packages } = this.#plan;
    const entry = Object.hasOwn(packages, integrity) ? this.#lookup<PackageMeta>(packages[integrity]) : undefined;
    if (entry?.entry.meta.integrity !== integrity) return false;
    if (this.#fill(entry, destination, new Set(['node_modules']))) {
      this.placed++;
      return true;
    }
    this.#tryToFeed(entry, integrity);
    return false;
  }

  /** Makes a package what its install scripts would make of it; the same answer for each of its scripts. */
  placeBuilt(location: string, directory: string): boolean {
    const known = this.#built.get(location);
    if (known !== undefined) return known;
    const entry = this.#lookup<BuiltMeta>(this.#plan.built[location]);
    const placed = entry !== undefined && this.#replace(entry, directory);
    this.#built.set(location, placed);
    return placed;
  }

  #lookup<Meta>(id: string | undefined): LocalEntry<Meta> | undefined {
    return id === undefined ? undefined : this.#cache.byId<Meta>(id);
  }

  /** Puts an entry's files into a directory that holds nothing but perhaps `expected`. */
  #fill(entry: LocalEntry<PackageMeta>, directory: string, expected: ReadonlySet<string>): boolean {
    const stage = join(directory, `.pkg-cache-${randomBytes(6).toString('hex')}`);
    const umask = process.umask(0o022);
    try {
      mkdirSync(directory, { recursive: true });
      const there = readdirSync(directory);
      if (there.some((name) => !expected.has(name)) || whatIsPassedOn(directory) !== undefined) return false;
      copyPackage(this.#copying(), entry, stage);
      const names = readdirSync(stage);
      if (names.some((name) => there.includes(name))) return false; // bundled packages, and others beside them
      for (const name of names) renameSync(join(stage, name), join(directory, name));
      this.#cache.touch(entry);
      return true;
    } catch {
      return false; // pacote empties the directory, and begins again.
    } finally {
      rmSync(stage, { recursive: true, force: true });
      process.umask(umask);
    }
  }

  /** The package in `directory` is set aside while the built one takes its place, but for the packages in its node_modules. */
  #replace(entry: LocalEntry<BuiltMeta>, directory: string): boolean {
    const stage = `${directory}/.pkg-cache-${randomBytes(6).toString('hex')}`;
    const umask = process.umask(0o022);
    const moved: string[] = [];
    const placed: string[] = [];
    try {
      if (whatIsPassedOn(directory) !== undefined) return false;
      copyPackage(this.#copying(), entry, join(stage, 'new'));
      mkdirSync(join(stage, 'old'));
      if (existsSync(join(stage, 'new/node_modules'))) return false;
      for (const name of readdirSync(directory)) {
        if (name === 'node_modules' || stage.endsWith(`/${name}`)) continue;
        renameSync(join(directory, name), join(stage, 'old', name));
        moved.push(name);
      }
      for (const name of readdirSync(join(stage, 'new'))) {
        renameSync(join(stage, 'new', name), join(directory, name));
        placed.push(name);
      }
      this.#cache.touch(entry);
      return true;
    } catch {
      for (const name of placed) rmSync(join(directory, name), { recursive: true, force: true });
      for (const name of moved) renameSync(join(stage, 'old', name), join(directory, name));
      return false;
    } finally {
      rmSync(stage, { recursive: true, force: true });
      process.umask(umask);
    }
  }

  #copying(): Parameters<typeof copyPackage>[0] {
    // Never links to the cache's files: npm changes the modes of bins.
    return { cache: this.#cache, linkMode: 'private', modes: modesOf(this.#plan.umask) };
  }

  #tryToFeed(entry: LocalEntry<PackageMeta>, integrity: string): void {
    try {
      feedOne(entry, integrity, this.#plan.npmCache);
    } catch {
      // Then npm downloads it.
    }
  }
}
