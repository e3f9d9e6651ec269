/** Words that federation.yaml used before, by path, each with what it is called now. They are refused, never read. */
const formerWords: readonly (readonly [former: string, present: string])[] = [
  ['model.logits', 'model.output'],
  ['features', 'records'],
  ['sites.maxRows', 'sites.maxRecords'],
  ['privacy.rowCountNoise', 'privacy.recordCountNoise'],
];

/** @returns the former words in a value from outside, each with a sentence that names the present one */
export function formerWordsIn(file: unknown): { readonly path: string[]; readonly message: string }[] {
  return formerWords.flatMap(([former, present]) => {
    const path = former.split('.');
    return holds(file, path) ? [{ path, message: `\`${former}\` is now called \`${present}\`` }] : [];
  });
}

function holds(value: unknown, [key, ...rest]: readonly string[]): boolean {
  if (key === undefined) return true;
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.hasOwn(value, key) &&
    holds((value as Record<string, unknown>)[key], rest)
  );
}
