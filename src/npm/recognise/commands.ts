import { abbreviations } from './abbrev.ts';

/** The commands of npm 10, 11 and 12 (`cmd-list.js`), as far as all have them. */
const COMMANDS =
  'access audit bugs cache ci completion config dedupe deprecate diff dist-tag docs doctor edit exec explain explore find-dupes ' +
  'fund get help help-search init install install-ci-test install-test link ll login logout ls org outdated owner pack ping pkg ' +
  'prefix profile prune publish query rebuild repo restart root run run-script sbom search set start stop team test token ' +
  'uninstall unpublish update version view whoami';
const UNTIL_11 = 'adduser add-user shrinkwrap star stars unstar';
const ONLY_10 = 'hook';
const SINCE_11 = 'approve-scripts deny-scripts install-scripts stage trust undeprecate';
const SINCE_12 = 'patch';

/** Aliases; those that only other commands have stand for themselves, since nobody here asks which one it is. */
const OTHER_ALIASES =
  'author home issues info show find unlink remove rm r un rb list ln create up c s se tst t ddp v x why la verison innit hlep ' +
  'dist-tags upgrade udpate rum urn ogr';
const ALIASES: Readonly<Record<string, string>> = {
  add: 'install',
  i: 'install',
  in: 'install',
  ins: 'install',
  inst: 'install',
  insta: 'install',
  instal: 'install',
  isnt: 'install',
  isnta: 'install',
  isntal: 'install',
  isntall: 'install',
  it: 'install-test',
  ic: 'ci',
  'clean-install': 'ci',
  'install-clean': 'ci',
  'isntall-clean': 'ci',
  cit: 'install-ci-test',
  sit: 'install-ci-test',
  'clean-install-test': 'install-ci-test',
};

/** Commands that install a project's dependencies. */
export type InstallCommand = 'ci' | 'install' | 'install-test' | 'install-ci-test';
const INSTALLS: ReadonlySet<string> = new Set(['ci', 'install', 'install-test', 'install-ci-test']);

/** The install that a word on the command line means to an npm of this major version (`deref`); undefined for all else. */
export function installCommand(word: string | undefined, major: number): InstallCommand | undefined {
  if (word === undefined || word === '') return undefined;
  const name = word.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const command = INSTALLS.has(name) ? name : Object.hasOwn(ALIASES, name) ? ALIASES[name] : expand(name, major);
  return command !== undefined && INSTALLS.has(command) ? (command as InstallCommand) : undefined;
}

function expand(name: string, major: number): string | undefined {
  const lists = [COMMANDS, OTHER_ALIASES, major < 12 ? UNTIL_11 : SINCE_12, major < 11 ? ONLY_10 : `${SINCE_11} u`];
  const words = [...lists.flatMap((list) => list.split(' ')), ...Object.keys(ALIASES)];
  const word = abbreviations(words).get(name);
  return word !== undefined && Object.hasOwn(ALIASES, word) ? ALIASES[word] : word;
}
