/** Whether a value is a list of texts. */
export function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}

/** Whether a value is a list of pairs of texts. */
export function isPairs(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => isTexts(item) && (item as unknown[]).length === 2);
}
