/** What part of the installation something was found out about. */
export type Area = 'tools' | 'settings' | 'cache' | 'links' | 'store';

/**
 * One thing that `doctor` has looked at. `problem`: something does not work, or not as it was set up to. `note`: it works, and there is
 * something to know about it.
 */
export interface Check {
  readonly area: Area;
  readonly level: 'ok' | 'note' | 'problem';
  readonly what: string;
  /** What to do about it. */
  readonly next?: string | undefined;
}

/** Makes the checks of an area. */
export function checksOf(area: Area): Record<Check['level'], (what: string, next?: string) => Check> {
  const make = (level: Check['level']) => (what: string, next?: string): Check => ({ area, level, what, ...(next !== undefined && { next }) });
  return { ok: make('ok'), note: make('note'), problem: make('problem') };
}

/** What is to be said about an error: its message, and what it suggests. */
export function explained(error: unknown): { what: string; next: string | undefined } {
  const { message, hint } = error as Error & { hint?: string };
  return { what: error instanceof Error ? message : String(error), next: hint };
}
