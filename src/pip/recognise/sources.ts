import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PkgCacheError } from '../../errors.ts';
import type { IndexOptions } from './request.ts';
import type { OptionValues } from './values.ts';

/** What pip takes for a URL (is_url in pip/_internal/vcs/versioncontrol.py): the schemes of the web, of files, and of version control. */
const HAS_SCHEME = /^(?:https?|file|ftp|(?:git|hg|bzr|svn)\+\w+):/i;
const URL_LIKE = /^[a-zA-Z][a-zA-Z0-9+.-]*:/;

/** Where pip's finder looks, and what it takes: set by the options of the command, changed by lines of requirements files. */
export class Sources {
  /** Undefined stands for the index that pip has built in. */
  private indexes: (string | undefined)[];
  private noIndex: boolean;
  private readonly findLinks: string[];
  /** pip's warnings about links that lead nowhere; it gives them for each project that it looks for. */
  readonly warnings: string[] = [];
  private pre: boolean;
  private preferBinary: boolean;

  constructor(
    private readonly values: OptionValues,
    private readonly cwd: string,
    home: string,
  ) {
    this.noIndex = values.flag('noIndex') === true;
    this.indexes = this.noIndex ? [] : [values.text('indexUrl'), ...values.list('extraIndexUrls')];
    this.findLinks = values.list('findLinks').map((link) => this.locate(expandExisting(link, home)));
    this.pre = values.flag('pre') === true;
    this.preferBinary = values.flag('preferBinary') === true;
  }

  /** Takes over a line that holds only options, from `file` (absolute): pip's `handle_option_line`. */
  addLine(line: OptionValues, file: string): void {
    if (line.flag('noIndex') === true) {
      this.noIndex = true;
      this.indexes = [];
    }
    const index = line.text('indexUrl');
    if (index !== undefined && !this.noIndex) this.indexes = [index];
    if (!this.noIndex) this.indexes.push(...line.list('extraIndexUrls'));
    const link = line.list('findLinks')[0];
    if (link !== undefined) this.findLinks.push(this.locateBeside(link, file));
    this.pre ||= line.flag('pre') === true;
    this.preferBinary ||= line.flag('preferBinary') === true;
  }

  /** The settled options. Throws UNRECOGNISED for an index that is no web address. */
  settle(): IndexOptions {
    const [indexUrl, ...extraIndexUrls] = this.indexes;
    for (const url of this.indexes) if (url !== undefined) requireWeb(url);
    const { values } = this;
    const [uploadedPriorTo, pythonVersion, implementation] = ['uploadedPriorTo', 'pythonVersion', 'implementation'].map((d) => values.text(d));
    return {
      ...(indexUrl !== undefined && { indexUrl }),
      extraIndexUrls: extraIndexUrls.filter((url) => url !== undefined),
      noIndex: this.noIndex,
      findLinks: this.findLinks,
      noBinary: values.list('noBinary'),
      onlyBinary: values.list('onlyBinary'),
      allReleases: values.list('allReleases'),
      onlyFinal: values.list('onlyFinal'),
      pre: this.pre,
      preferBinary: this.preferBinary,
      ...(uploadedPriorTo !== undefined && { uploadedPriorTo }),
      platforms: values.list('platforms'),
      ...(pythonVersion !== undefined && { pythonVersion }),
      ...(implementation !== undefined && { implementation }),
      abis: values.list('abis'),
    };
  }

  private locate(link: string): string {
    const path = resolve(this.cwd, link);
    const why = existsSync(path) ? undefined : whyIgnored(link);
    if (why !== undefined) this.warnings.push(`Location '${link}' is ignored: it is ${why}.`);
    return URL_LIKE.test(link) ? link : path;
  }

  /** A path in a requirements file may be meant from the file's directory, if something is there. */
  private locateBeside(link: string, file: string): string {
    const beside = isAbsolute(link) ? link : join(dirname(file), link);
    return existsSync(beside) ? beside : this.locate(link);
  }
}

/** `~` is expanded only where something is found there (`SearchScope.create`). */
function expandExisting(link: string, home: string): string {
  if (link !== '~' && !link.startsWith('~/')) return link;
  const expanded = home + link.slice(1);
  return existsSync(expanded) ? expanded : link;
}

/** pip's words for a link that is no path to anything (pip/_internal/index/sources.py, build_source). */
function whyIgnored(link: string): string | undefined {
  if (!HAS_SCHEME.test(link)) return 'either a non-existing path or lacks a specific scheme';
  const isFile = link.startsWith('file:') && URL.canParse(link) && new URL(link).host === '';
  return isFile && !existsSync(fileURLToPath(link)) ? 'neither a file nor a directory' : undefined;
}

/** A directory as an index holds something else on the next worker. */
function requireWeb(url: string): void {
  if (!/^https?:\/\//.test(url.toLowerCase()) || !URL.canParse(url)) throw new PkgCacheError('UNRECOGNISED', 'an index that is not on the web');
}
