/** The normal form of a project's or an extra's name (PEP 503, PEP 685), as `packaging.utils.canonicalize_name`. */
export function normalName(name: string): string {
  return name.replace(/[-_.]+/g, '-').toLowerCase();
}
