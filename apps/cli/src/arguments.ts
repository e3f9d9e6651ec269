import { InvalidArgumentError } from 'commander';

/** Parser of a numeric option. @throws InvalidArgumentError saying what was wanted */
export function wanted(description: string, check: (value: number) => boolean): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !check(value)) throw new InvalidArgumentError(`wanted: ${description}`);
    return value;
  };
}

export const seed = wanted('a whole number, not negative', (value) => Number.isSafeInteger(value) && value >= 0);
