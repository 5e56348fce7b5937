/**
 * Every unambiguous beginning of the words, and the words themselves, with the word that each stands for: npm's `abbrev`.
 * A word that begins another one stands for itself only.
 */
export function abbreviations(words: readonly string[]): ReadonlyMap<string, string> {
  const sorted = [...new Set(words)].sort();
  const found = new Map<string, string>();
  sorted.forEach((word, i) => {
    const shared = Math.max(commonLength(word, sorted[i - 1] ?? ''), commonLength(word, sorted[i + 1] ?? ''));
    for (let length = Math.min(shared + 1, word.length); length <= word.length; length++) found.set(word.slice(0, length), word);
  });
  return found;
}

function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
