import { LocalCache } from '../../cache/local.ts';
import { configFiles, homeDirectory, inspectSettings, processEnv, type Env, type Settings } from '../../config.ts';
import { Refusals } from '../../fleet/refusals.ts';
import { FleetState } from '../../fleet/state.ts';
import type { Command } from '../command.ts';
import { checkCache } from '../doctor/cache.ts';
import { checksOf, type Check } from '../doctor/check.ts';
import { checkLinks } from '../doctor/links.ts';
import { checkSettings } from '../doctor/settings.ts';
import { checkRefusals } from '../doctor/refusals.ts';
import { checkStore } from '../doctor/store.ts';
import { checkTools, sitePackages } from '../doctor/tools.ts';
import { formatCount, Progress, standardOutput, type Colour, type Printer } from '../terminal.ts';

const NOTES = `Checked are: PATH, and the real tools behind the shims; settings, and where they come from; the cache directory, its disk, and how files
get from there to where installs go to; the store: what this worker may do there, how fast it answers, whether conditional writes work, and
its clock. An object below v1/doctor/ is written to the store and removed again. A "note" works, but there is something to know about it.`;

export const doctor: Command<{ json: boolean }> = {
  command: 'doctor',
  describe: 'Look for what keeps the cache from working, and say what to do about it',
  builder: (argv) =>
    argv
      .option('json', { type: 'boolean', default: false, describe: 'Print JSON' })
      .example('$0 doctor', 'after installing, and whenever something is not as expected')
      .example("$0 doctor --json | jq '.checks[] | select(.level != \"ok\")'", 'for programs: what is not in order'),
  exits: '0 no problem, 1 a problem was found',
  notes: NOTES,
  run: async ({ json }) => {
    const progress = new Progress();
    progress.show('looking …');
    const checks = await checkAll(processEnv());
    progress.end();
    const problems = checks.filter(({ level }) => level === 'problem').length;
    const printer = standardOutput();
    if (json) printer.line(JSON.stringify({ problems, checks }, null, 2));
    else print(checks, problems, printer);
    printer.flush();
    return problems === 0 ? 0 : 1;
  },
};

async function checkAll(env: Env): Promise<Check[]> {
  process.umask(0o022); // what goes into the cache is for all users of this machine
  const files = configFiles(env);
  const inspected = inspectSettings(env, files);
  // A value that cannot be used is told; the others are looked at all the same.
  const settings = Object.fromEntries(inspected.rows.map(({ name, value, setting }) => [name, value ?? (setting.fallback === undefined ? undefined : setting.type.parse(setting.fallback))])) as unknown as Settings;
  const { cacheDir } = settings;
  const cacheChecks = cacheDir === undefined ? [checksOf('cache').problem('no cache is configured: nothing is cached', 'set PKG_CACHE_DIR, or run install.sh')] : checkCache(cacheDir, settings);
  const cache = cacheDir === undefined || cacheChecks[0]?.level === 'problem' ? undefined : new LocalCache(cacheDir);
  const memory = (name: string): string => cache?.path(name) ?? `/dev/null/${name}`; // nowhere to remember anything
  return [...checkTools(env, memory), ...checkSettings(inspected, files), ...cacheChecks, ...(cache ? checkLinks(cache, settings.linkMode, targets(env, memory)) : []), ...(await checkStoreOf(settings, cache, env))];
}

function targets(env: Env, memory: (name: string) => string): { name: string; path: string }[] {
  const site = sitePackages(env, homeDirectory(), memory);
  return [...(site === undefined ? [] : [{ name: "pip's", path: site }]), { name: 'this directory', path: process.cwd() }];
}

async function checkStoreOf(settings: Settings, cache: LocalCache | undefined, env: Env): Promise<Check[]> {
  const { note } = checksOf('store');
  const { store, offline, readOnly, storeDays, recordUse, allRecordUse } = settings;
  if (store === undefined) return [note('no store is configured: nothing is shared', 'set PKG_CACHE_STORE, or run install.sh --store')];
  if (offline) return [note('the store is not asked: offline is on')];
  const { circuitOf } = await import('../../fleet/remote.ts');
  const circuit = cache && circuitOf(cache, store);
  const reason = circuit?.reason();
  const until = circuit?.openUntil() ?? 0;
  const checks = await checkStore(store, env, settings);
  const problem = cache && new FleetState(cache, store).read().problem;
  const refused = cache ? checkRefusals(new Refusals(cache, store)) : [];
  return [
    ...(until > Date.now() ? [note(`installs leave the store alone for ${Math.ceil((until - Date.now()) / 1000)} s more: ${reason ?? 'it failed'}`, 'wait, or see below')] : []),
    ...checks,
    ...refused,
    ...(storeDays > 0 && !allRecordUse ? [note('store_days removes nothing: all_record_use is off', 'set it when every worker of this store may write to it, or has record_use')] : []),
    ...(storeDays > 0 && allRecordUse && readOnly && !recordUse ? [checksOf('store').problem('store_days removes what this worker uses: it is read_only, and writes down nothing of that', 'set record_use = on here, or all_record_use = off for all')] : []),
    ...(problem === undefined ? [] : [note(`the last sync failed: ${problem}`, 'pkg-cache sync --once tries again')]),
  ];
}

const MARKS: Readonly<Record<Check['level'], { word: string; colour: Colour }>> = {
  ok: { word: 'ok', colour: 'green' },
  note: { word: 'note', colour: 'yellow' },
  problem: { word: 'PROBLEM', colour: 'red' },
};

function print(checks: readonly Check[], problems: number, printer: Printer): void {
  let last = '';
  for (const { area, level, what, next } of checks) {
    if (area !== last) printer.line(printer.paint('bold', area));
    last = area;
    const { word, colour } = MARKS[level];
    printer.line(`  ${printer.paint(colour, word.padEnd(7))}  ${what}`);
    if (next !== undefined) printer.line(`           → ${next}`);
  }
  printer.line(problems === 0 ? 'no problem was found' : formatCount(problems, 'problem'));
}
