import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { create } from 'tar';
import { metadata, makeWheel, write, type BuiltArchive, type WheelSpec } from './wheel.ts';

// A build backend (PEP 517) that lies in the sdist and needs nothing: the wheel it "builds" lies beside it.
const BACKEND = `
import os, shutil
def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    [name] = [name for name in os.listdir('built') if name.endswith('.whl')]
    shutil.copy(os.path.join('built', name), wheel_directory)
    return name
`;

const PYPROJECT = `[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
`;

/**
 * Builds an sdist (PEP 517, no dependencies to build, so that it works without an index) in `directory`.
 * What pip builds from it is the wheel of the same spec; `first` is Python that is run before that.
 */
export function makeSdist(directory: string, spec: WheelSpec, first = ''): BuiltArchive {
  const stem = `${spec.name.replace(/[-_.]+/g, '_')}-${spec.version}`;
  const staging = mkdtempSync(join(tmpdir(), 'pkg-cache-sdist-'));
  try {
    const wheel = makeWheel(join(staging, stem, 'built'), spec);
    rmSync(`${wheel.path}.metadata`);
    return pack(directory, staging, stem, {
      'PKG-INFO': metadata(spec),
      'pyproject.toml': PYPROJECT,
      'backend.py': `${first}\n${BACKEND}`,
    });
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Builds an sdist of the old kind, with a `setup.py` (which needs setuptools), in `directory`. */
export function makeSetupPySdist(directory: string, spec: WheelSpec, setup: string): BuiltArchive {
  const stem = `${spec.name.replace(/[-_.]+/g, '_')}-${spec.version}`;
  const staging = mkdtempSync(join(tmpdir(), 'pkg-cache-sdist-'));
  try {
    const texts = Object.entries(spec.files ?? {}).map(([path, data]) => [path, Buffer.from(data).toString()] as const);
    return pack(directory, staging, stem, { 'PKG-INFO': metadata(spec), 'setup.py': setup, ...Object.fromEntries(texts) });
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function pack(directory: string, staging: string, stem: string, texts: Record<string, string>): BuiltArchive {
  for (const [path, text] of Object.entries(texts)) {
    mkdirSync(dirname(join(staging, stem, path)), { recursive: true });
    writeFileSync(join(staging, stem, path), text);
  }
  const file = join(staging, 'sdist.tar.gz');
  create({ sync: true, gzip: true, portable: true, cwd: staging, file }, [stem]);
  return write(directory, `${stem}.tar.gz`, readFileSync(file));
}
