import { readFileSync } from 'node:fs';
import { anyText, flag, list, maybe, object, oneOf, parseA, record, text, type Shape } from '../../shape.ts';

/** A distribution that pip installed from an index, as its report tells. */
export interface ReportedInstall {
  readonly name: string;
  readonly version: string;
  readonly archive: { readonly filename: string; readonly sha256: string };
  readonly isWheel: boolean;
  /** Whether the user named it, so that pip marks it by a REQUESTED. */
  readonly isRequested: boolean;
  /** Whether its index has withdrawn the release (PEP 592); undefined from a pip that does not say (before 23.3). */
  readonly isYanked: boolean | undefined;
}

interface RawArchive {
  readonly hash?: string;
  readonly hashes?: Readonly<Record<string, string>>;
}

interface RawDownload {
  readonly url?: string;
  readonly archive_info?: RawArchive;
}

interface RawMetadata {
  readonly name?: string;
  readonly version?: string;
  readonly requires_dist?: readonly string[];
}

interface RawItem {
  readonly download_info?: RawDownload;
  readonly is_direct?: boolean;
  readonly is_yanked?: boolean;
  readonly requested?: boolean;
  readonly metadata?: RawMetadata;
}

/** Names and versions are printed and looked for. The rest of a report, of which there is much, is of no interest. */
const ITEM: Shape<RawItem> = object<RawItem>({
  download_info: maybe(object<RawDownload>({ url: maybe(anyText), archive_info: maybe(object<RawArchive>({ hash: maybe(text), hashes: maybe(record(text)) })) })),
  is_direct: maybe(flag),
  is_yanked: maybe(flag),
  requested: maybe(flag),
  metadata: maybe(object<RawMetadata>({ name: maybe(text), version: maybe(text), requires_dist: maybe(list(anyText)) })),
});
const REPORT = object({ version: oneOf('1'), install: list(ITEM) });

/** All that a report says was to be installed: `every` by what its metadata says, `cachable` what may be cached, `yanked` what might, but that its index has withdrawn it. */
export interface Report {
  readonly every: readonly { readonly name: string; readonly version: string; readonly requiresDist: readonly string[] }[];
  readonly cachable: readonly ReportedInstall[];
  readonly yanked: readonly ReportedInstall[];
}

/**
 * Reads pip's installation report (pip/_internal/models/installation_report.py, version 1). Cachable is what came from an index over the
 * network with a SHA-256: no direct URL, no VCS, no local file, nothing yanked (pip warns about it each time), nothing fetched with a credential.
 * Returns undefined for anything that is no such report.
 */
export function parseReport(json: string): Report | undefined {
  const report = parseA(REPORT, json);
  if (!report) return undefined;
  const items = report.install;
  const fromIndices = items.flatMap(fromIndex);
  return {
    every: items.map(({ metadata }) => ({ name: metadata?.name ?? '', version: metadata?.version ?? '', requiresDist: metadata?.requires_dist ?? [] })),
    cachable: fromIndices.filter(({ isYanked }) => isYanked !== true),
    yanked: fromIndices.filter(({ isYanked }) => isYanked === true),
  };
}

/** Reads a report from a file; undefined if pip ended before it wrote one, or was killed while it did. */
export function readReport(path: string | undefined): Report | undefined {
  if (path === undefined) return undefined;
  try {
    return parseReport(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

function fromIndex({ download_info: download, is_direct: direct, is_yanked: isYanked, requested, metadata }: RawItem): ReportedInstall[] {
  const archive = download?.archive_info;
  const sha256 = archive?.hashes?.['sha256'] ?? /^sha256=([0-9a-f]{64})$/.exec(archive?.hash ?? '')?.[1];
  const filename = archiveName(download?.url ?? '');
  if (direct || !sha256 || !filename || !metadata?.name || !metadata.version) return [];
  return [{ name: metadata.name, version: metadata.version, archive: { filename, sha256 }, isWheel: filename.endsWith('.whl'), isRequested: requested === true, isYanked }];
}

function archiveName(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol, username, password, pathname } = new URL(url);
  if (!/^https?:$/.test(protocol) || username !== '' || password !== '') return undefined;
  return decodeURIComponent(pathname.slice(pathname.lastIndexOf('/') + 1));
}
