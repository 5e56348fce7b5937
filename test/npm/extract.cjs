// Extracts tarballs with the pacote of an npm, as that npm's arborist does (reify.js, #extractOrLink): by the spec
// `name@URL`, with the tarball's URL and integrity. It runs under npm's own modules, so it is plain JavaScript.
//     node extract.cjs NPM JOBS        NPM: the directory of npm's package.json
//                                      JOBS: a JSON file, [{ tgz, dest }]; dest must not exist
// Prints a JSON list with what went wrong, or null, for every job.
const { createHash } = require('node:crypto');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { createServer } = require('node:http');
const { join } = require('node:path');

const [npm, jobs] = process.argv.slice(2);
const pacote = require(join(npm, 'node_modules/pacote'));

process.umask(0o022);
const list = JSON.parse(readFileSync(jobs, 'utf8'));
const cache = mkdtempSync(`${jobs}-cache-`);
const server = createServer((request, response) => response.end(readFileSync(list[Number(request.url.split('/')[1])].tgz)));

server.listen(0, '127.0.0.1', async () => {
  const outcomes = [];
  for (const [index, { tgz, dest }] of list.entries()) {
    const resolved = `http://127.0.0.1:${server.address().port}/${index}/package.tgz`;
    const integrity = `sha512-${createHash('sha512').update(readFileSync(tgz)).digest('base64')}`;
    const options = { cache, resolved, integrity, allowRemote: 'all', replaceRegistryHost: 'never', fetchRetries: 0, retry: { retries: 0 } };
    outcomes.push(await pacote.extract(`package@${resolved}`, dest, options).then(() => null, (error) => String(error.message)));
  }
  server.closeAllConnections();
  server.close();
  rmSync(cache, { recursive: true, force: true });
  console.log(JSON.stringify(outcomes));
});
