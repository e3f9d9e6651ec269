import type { Node } from '@koinon/onnx';
import { intsOf, stringOf } from './attributes.js';
import type { GraphWriter } from './graph-writer.js';
import { extentOf, sizeOf } from './shape.js';

/** Geometry of a sliding window over the spatial axes, every entry per axis, `auto_pad` resolved. */
export interface Windows {
  kernel: readonly number[];
  strides: readonly number[];
  dilations: readonly number[];
  begin: readonly number[];
  end: readonly number[];
}

/**
 * @param wide spatial extents of the padded side (Conv's and a pool's input, ConvTranspose's output)
 * @param narrow spatial extents of the side with one element per window
 */
export function windowsOf(
  node: Node,
  kernel: readonly number[],
  wide: readonly number[],
  narrow: readonly number[],
): Windows {
  const ones = kernel.map(() => 1);
  const strides = intsOf(node, 'strides', ones);
  const dilations = intsOf(node, 'dilations', ones);
  const reach = kernel.map((extent, axis) => extentOf(dilations, axis) * (extent - 1) + 1);
  const automatic = stringOf(node, 'auto_pad', 'NOTSET');
  if (automatic.startsWith('SAME')) {
    const total = kernel.map((_, axis) =>
      Math.max(
        0,
        (extentOf(narrow, axis) - 1) * extentOf(strides, axis) + extentOf(reach, axis) - extentOf(wide, axis),
      ),
    );
    const less = total.map((amount) => Math.floor(amount / 2));
    const more = total.map((amount, axis) => amount - extentOf(less, axis));
    return {
      kernel,
      strides,
      dilations,
      begin: automatic === 'SAME_UPPER' ? less : more,
      end: automatic === 'SAME_UPPER' ? more : less,
    };
  }
  const pads =
    automatic === 'VALID'
      ? [...kernel, ...kernel].map(() => 0)
      : intsOf(
          node,
          'pads',
          [...kernel, ...kernel].map(() => 0),
        );
  return { kernel, strides, dilations, begin: pads.slice(0, kernel.length), end: pads.slice(kernel.length) };
}

/**
 * Attributes of the ConvTranspose that carries one element per window back to `wide` extents.
 * Positions no window reached come from output_padding; where windows overhang, more is cut off at the end.
 */
export function scatterAttributes(
  { kernel, strides, dilations, begin, end }: Windows,
  wide: readonly number[],
  narrow: readonly number[],
) {
  const missing = kernel.map((extent, axis) => {
    const covered =
      (extentOf(narrow, axis) - 1) * extentOf(strides, axis) + extentOf(dilations, axis) * (extent - 1) + 1;
    return extentOf(wide, axis) - (covered - extentOf(begin, axis) - extentOf(end, axis));
  });
  return {
    kernel_shape: kernel,
    strides,
    dilations,
    pads: [...begin, ...end.map((amount, axis) => amount + Math.max(0, -extentOf(missing, axis)))],
    output_padding: missing.map((amount) => Math.max(0, amount)),
  };
}

/** Offsets of a kernel's elements, last axis fastest. */
export function kernelOffsets(kernel: readonly number[]): number[][] {
  return kernel.reduce<number[][]>(
    (offsets, extent) => offsets.flatMap((offset) => Array.from({ length: extent }, (_, next) => [...offset, next])),
    [[]],
  );
}

/**
 * Patches under every window (im2col): [B, C, …wide] → [B, C, kernel size, number of windows],
 * in the element order of a convolution weight. B and C may be any two leading axes.
 */
export function unfold(
  graph: GraphWriter,
  value: string,
  shape: readonly number[],
  windows: Windows,
  narrow: readonly number[],
): string {
  const { kernel, strides, dilations, begin, end } = windows;
  const [outer, channels] = [extentOf(shape, 0), extentOf(shape, 1)];
  const padded = [...begin, ...end].every((amount) => amount === 0)
    ? value
    : graph.op('Pad', [value, graph.ints([0, 0, ...begin, 0, 0, ...end]), graph.float(0)]);
  const axes = graph.ints(kernel.map((_, axis) => axis + 2));
  const patches = kernelOffsets(kernel).map((offset) => {
    const starts = offset.map((position, axis) => position * extentOf(dilations, axis));
    const ends = starts.map((start, axis) => start + (extentOf(narrow, axis) - 1) * extentOf(strides, axis) + 1);
    const slice = graph.op('Slice', [padded, graph.ints(starts), graph.ints(ends), axes, graph.ints(strides)]);
    return graph.reshape(slice, [outer, channels, 1, sizeOf(narrow)]);
  });
  return patches.length === 1 ? patches[0]! : graph.op('Concat', patches, { axis: 2 });
}
