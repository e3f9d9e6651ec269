export { elementCount as sizeOf } from '@koinon/onnx';

/** Axis counted from the front. */
export function positiveAxis(axis: number, rank: number): number {
  return axis < 0 ? axis + rank : axis;
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** Axes of `from` over which a tensor of shape `to` was repeated by broadcasting. */
export function broadcastAxes(from: readonly number[], to: readonly number[]): number[] {
  const missing = from.length - to.length;
  return from.flatMap((extent, axis) => (axis < missing || (to[axis - missing] === 1 && extent !== 1) ? [axis] : []));
}

export function range(count: number, start = 0): number[] {
  return Array.from({ length: count }, (_, index) => start + index);
}

/** Extent of an axis the caller knows to exist. */
export function extentOf(shape: readonly number[], axis: number): number {
  const extent = shape[axis];
  if (extent === undefined) throw new RangeError(`shape [${shape.join(',')}] has no axis ${axis}`);
  return extent;
}
