import type { Tensor } from '@koinon/onnx';

/** Share of rows decided alike: by the value itself where it is an integer, the largest class, or one half where there is one probability. */
export function sameDecisions(own: readonly Tensor[], expected: readonly Tensor[]): number {
  const wanted = expected.flatMap(decisions);
  return own.flatMap(decisions).filter((decision, row) => decision === wanted[row]).length / wanted.length;
}

function decisions({ type, data, dims }: Tensor): number[] {
  const values = numbers(data);
  if (!type.includes('float')) return values;
  const classes = dims.at(-1) ?? 1;
  if (classes === 1) return values.map((value) => Number(value >= 0.5));
  return Array.from({ length: values.length / classes }, (_, row) => indexOfLargest(values.slice(row * classes, (row + 1) * classes)));
}

const indexOfLargest = (values: readonly number[]): number => values.reduce((best, value, index) => (value > values[best]! ? index : best), 0);

/** 1 − ‖own − expected‖ / ‖expected‖; equal outputs agree even where both are 0. */
export function relativeAgreement(own: readonly Tensor[], expected: readonly Tensor[]): number {
  let [difference, size] = [0, 0];
  expected.forEach(({ data }, batch) => {
    const values = numbers(own[batch]!.data);
    numbers(data).forEach((wanted, index) => {
      difference += (values[index]! - wanted) ** 2;
      size += wanted ** 2;
    });
  });
  if (difference === 0) return 1;
  return size === 0 ? 0 : 1 - Math.sqrt(difference / size);
}

const numbers = (data: Tensor['data']): number[] => Array.from(data as ArrayLike<number | bigint>, Number);
