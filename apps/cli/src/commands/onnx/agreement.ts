import { elementCount, type Tensor } from '@koinon/onnx';

/** How the numbers of an output decide: each for itself, or the largest along an axis, or over all axes from one on. */
export type Decision = 'each' | { readonly axis: number; readonly overRest: boolean };

/** Share of equal decisions: by the value itself where it is an integer, otherwise each by one half or the largest along the axis. */
export function sameDecisions(own: readonly Tensor[], expected: readonly Tensor[], decision: Decision): number {
  // a reshaped output keeps its numbers in order, so the expected shape says how both decide
  const taken = own.flatMap((tensor, batch) => decisions({ ...tensor, dims: expected[batch]!.dims }, decision));
  const wanted = expected.flatMap((tensor) => decisions(tensor, decision));
  return taken.filter((value, index) => value === wanted[index]).length / wanted.length;
}

function decisions({ type, data, dims }: Tensor, decision: Decision): number[] {
  const values = numbers(data);
  if (!type.includes('float')) return values;
  if (decision === 'each') return values.map((value) => Number(value >= 0.5));
  const [extent = 1, ...behind] = dims.slice(decision.axis);
  const rest = elementCount(behind);
  const [classes, inner] = decision.overRest ? [extent * rest, 1] : [extent, rest];
  return Array.from({ length: values.length / classes }, (_, index) => {
    const first = Math.floor(index / inner) * classes * inner + (index % inner);
    let best = 0;
    for (let candidate = 1; candidate < classes; candidate++)
      if (values[first + candidate * inner]! > values[first + best * inner]!) best = candidate;
    return best;
  });
}

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
