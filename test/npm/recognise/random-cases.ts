import type { Case } from './cases.ts';

/** Always the same numbers, from 0 to below `n`. */
function generator(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

const WORDS =
  'ci ci ci ci install install i run test . left-pad -- - --omit=dev --omit dev peer --include --include=dev --production --production=false --no-production --only=prod --no-optional --optional ' +
  '-q -s -d -dd -D -E -f -fq -qs -C p --prefix=p --cache c --cache=~/c --registry https://example.test/ --registry=https://example.test/x --audit --no-audit --audit=false true false null 1 0 ' +
  '--fund=0 --no-fund --json --color always --no-color --color=always --loglevel warn --loglevel=error --umask 022 --umask=18 --cpu=x --cpu --os linux --libc --no-libc --ignore-scripts --engine-strict ' +
  '--workspaces -w --workspace=a --no-workspaces --location=project --location user --proxy --no-proxy --noproxy --ca --before 2024-01-01 --before --yes --no-yes -y -n --no --save --no-save --tag ' +
  '--omi --ignore-s --foreground --prod --dr --message --otp --otp= --offline --prefer-offline --lockfile-version 3 --lockfile-version=9 --fetch-retries 2 --which 3 --which --browser x --browser --no-browser';
const KEYS =
  'omit include production only also dev optional audit fund json color loglevel cache registry @s:registry ignore-scripts foreground-scripts engine-strict legacy-peer-deps bin-links cpu os libc umask ' +
  'lockfile-version offline save-exact proxy noproxy ca fetch-retries force location progress nodedir python unknown_key //example.test/:_authToken //example.test/:always-auth prefix userconfig ' +
  'globalconfig heading tag editor shell unicode user-agent init-module node-options package workspace before min-release-age allow-git email';
const VALUES = 'true false null undefined dev optional peer prod production 1 0 2 3 018 022 yes x ~/x @HOME@/y https://example.test/z https://example.test warn silent always "quoted" \'single\' ${SET} ${UNSET} ${UNSET?} a;b a\\;b a#b';

const split = (text: string): string[] => text.split(' ');

/** Command lines and configurations put together from words that mean something to npm, in ways that need not. */
export function randomCases(count: number): Case[] {
  const random = generator(7);
  const pick = (list: readonly string[]): string => list[random(list.length)] as string;
  const [words, keys, values] = [split(WORDS), split(KEYS), split(VALUES)];
  const settings = (most: number): [string, string][] => Array.from({ length: random(most + 1) }, () => [pick(keys), pick(values)]);
  const npmrc = (most: number): string => settings(most).map(([key, value]) => (random(9) === 0 ? key : random(9) === 0 ? `${key}[]=${value}` : `${key} = ${value}`)).join('\n');
  const name = (key: string): string => `${random(2) === 0 ? 'npm_config_' : 'NPM_CONFIG_'}${key.startsWith('//') ? key : key.replaceAll('-', '_')}`;
  return Array.from({ length: count }, () => {
    const line = Array.from({ length: random(6) }, () => pick(words));
    line.splice(random(line.length + 1), 0, pick(['ci', 'ci', 'install', 'it', 'run']));
    const env = Object.fromEntries(random(3) === 0 ? settings(3).map(([key, value]) => [name(key), value]) : []);
    const files = { '.npmrc': random(3) === 0 ? npmrc(3) : '', 'p/package.json': '{}', 'p/.npmrc': random(3) === 0 ? npmrc(3) : '', 'usr/etc/npmrc': random(6) === 0 ? npmrc(2) : '' };
    return { line, env: { SET: 'set', ...(random(4) === 0 && { NODE_ENV: 'production' }), ...env }, files, ...(random(2) === 0 && { cwd: 'p' }) };
  });
}
