import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

const slow = process.env['PKG_CACHE_SLOW'] === '1';

/** Python sources are imported as text, as the bundler's `text` loader does it. */
const pythonAsText = {
  name: 'python-as-text',
  enforce: 'pre' as const,
  load(id: string) {
    return id.endsWith('.py') ? `export default ${JSON.stringify(readFileSync(id, 'utf8'))};` : undefined;
  },
};

export default defineConfig({
  plugins: [pythonAsText],
  test: {
    environment: 'node',
    pool: 'forks',
    // Many tests start interpreters and servers; more at once only makes each of them slower.
    maxWorkers: 2,
    minWorkers: 1,
    include: ['test/**/*.test.ts'],
    exclude: slow ? [] : ['test/slow/**'],
    globalSetup: ['test/support/global-setup.ts'],
    // Never what a test is about: a machine that is busy with other things takes many times as long.
    testTimeout: slow ? 1_800_000 : 180_000,
    // A server that has to be built first, or an installation.
    hookTimeout: 300_000,
  },
});
