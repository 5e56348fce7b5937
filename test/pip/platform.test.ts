import { expect, it } from 'vitest';
import { imageName } from '../../src/image.ts';
import { builtPlatform, wheelPlatform } from '../../src/pip/platform.ts';
import type { InterpreterFacts, Scheme } from '../../src/pip/python/facts.ts';

const LINUX = { cacheTag: 'cpython-312', magic: 3531, soabi: 'cpython-312-x86_64-linux-gnu', pointerBits: 64, platform: 'linux-x86_64', macVersion: '', libc: 'glibc-2.36' } as InterpreterFacts;
const SCHEME: Scheme = { purelib: '/l', platlib: '/l', headers: '/h', scripts: '/s', data: '/d' };

it.each([
  [{}, {}, 'cpython-312-x86_64-linux-gnu-m3531-linux-x86_64-glibc-2.36'],
  [{ libc: 'musl-1.2' }, {}, 'cpython-312-x86_64-linux-gnu-m3531-linux-x86_64-musl-1.2'],
  [{ soabi: '' }, {}, 'cpython-312-m3531-linux-x86_64-glibc-2.36'],
  [{ pointerBits: 32 }, {}, 'cpython-312-x86_64-linux-gnu-m3531-linux-x86_64-glibc-2.36-32bit'],
  [{ soabi: 'cpython-313t-x86_64-linux-gnu' }, {}, 'cpython-313t-x86_64-linux-gnu-m3531-linux-x86_64-glibc-2.36'],
  [{ soabi: 'cpython-312-darwin', platform: 'macosx-14.0-arm64', macVersion: '14.4', libc: '' }, {}, 'cpython-312-darwin-m3531-macosx-14.0-arm64-macos-14'],
  [{ libc: '' }, {}, 'cpython-312-x86_64-linux-gnu-m3531-linux-x86_64'],
  [{ libc: 'a b/c' }, {}, 'cpython-312-x86_64-linux-gnu-m3531-linux-x86_64-a_b_c'],
  [{}, { compile: false }, 'cpython-312-x86_64-linux-gnu-m3531-linux-x86_64-glibc-2.36-nopyc'],
  [{}, { scheme: { ...SCHEME, platlib: '/l64' } }, 'cpython-312-x86_64-linux-gnu-m3531-linux-x86_64-glibc-2.36-split'],
])('%j %j', (facts, options, platform) => expect(wheelPlatform({ ...LINUX, ...facts }, { compile: true, scheme: SCHEME, ...options })).toBe(platform));

it('what was built here says on what', () => {
  expect(imageName('NAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n')).toBe('debian-12');
  expect(imageName('ID=arch\n')).toBe('arch-rolling');
  expect(builtPlatform('p')).toMatch(/^p\+[A-Za-z0-9._-]+-[A-Za-z0-9._-]+$/);
});
