import { readFileSync } from 'node:fs';

/** The image that this machine runs, `<os-release ID>-<VERSION_ID>`: what is built here depends on its compiler and libraries (os-release(5)). */
export function imageName(osRelease = readOsRelease()): string {
  const field = (name: string): string => new RegExp(`^${name}="?([^"\\n]*)"?$`, 'm').exec(osRelease)?.[1] ?? '';
  return `${field('ID') || process.platform}-${field('VERSION_ID') || 'rolling'}`.replace(/[^A-Za-z0-9._-]/g, '_');
}

function readOsRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return ''; // macOS, or an image without one: the kernel's name has to do.
  }
}
