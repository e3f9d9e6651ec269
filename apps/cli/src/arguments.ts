import { InvalidArgumentError } from 'commander';

/** Parser of a numeric option. @throws InvalidArgumentError saying what was wanted */
export function wanted(description: string, check: (value: number) => boolean): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !check(value)) throw new InvalidArgumentError(`wanted: ${description}`);
    return value;
  };
}

/** A number that goes into a float32 tensor: beyond its range it would become infinite there, below it zero. */
export function wantedFloat32(description: string, check: (value: number) => boolean): (text: string) => number {
  const holds = (value: number): boolean => Number.isFinite(Math.fround(value)) && check(Math.fround(value));
  return wanted(`${description} in the range of float32`, holds);
}

export const seed = wanted('a whole number, not negative', (value) => Number.isSafeInteger(value) && value >= 0);
