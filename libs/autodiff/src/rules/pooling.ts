import type { Node } from '@koinon/onnx';
import { intOf, intsOf, stringOf } from '../attributes.js';
import { unsupported } from '../errors.js';
import { inputOf, outputOf, unary, type Rule, type Scope } from '../rule.js';
import { extentOf, range, sizeOf } from '../shape.js';
import { kernelOffsets, scatterAttributes, windowsOf, type Windows } from '../windows.js';

/** @throws AutodiffError AUTODIFF_UNSUPPORTED where ceil_mode asks for a window beyond the input, which the runtime announces and then leaves out */
function poolWindows(node: Node, wide: readonly number[], narrow: readonly number[]): Windows {
  const windows = windowsOf(node, intsOf(node, 'kernel_shape', []), wide, narrow);
  const { kernel, strides, dilations, begin, end } = windows;
  const last = wide.map((extent, axis) => {
    const room =
      extent +
      extentOf(begin, axis) +
      extentOf(end, axis) -
      extentOf(dilations, axis) * (extentOf(kernel, axis) - 1) -
      1;
    return Math.ceil(room / extentOf(strides, axis)) * extentOf(strides, axis) - extentOf(begin, axis);
  });
  if (
    intOf(node, 'ceil_mode', 0) === 1 &&
    (last.some((start, axis) => start >= extentOf(wide, axis)) ||
      stringOf(node, 'auto_pad', 'NOTSET').startsWith('SAME'))
  ) {
    throw unsupported(
      node,
      'ceil_mode asks for a window beyond the input',
      'Set ceil_mode to 0 and give the pads that the other windows need',
    );
  }
  return windows;
}

/** The forward pass names each maximum by its flat position in the input; its gradient goes back there. */
const maxPool = unary((scope, node, cotangent) => {
  const { graph } = scope;
  const [shape, out] = [scope.shape(inputOf(node, 0)), scope.shape(outputOf(node))];
  const { kernel, strides, dilations } = poolWindows(node, shape.slice(2), out.slice(2));
  // MaxUnpool needs windows that do not overlap and end inside the input
  const apart = kernel.every(
    (extent, axis) =>
      extentOf(strides, axis) > extentOf(dilations, axis) * (extent - 1) &&
      (extentOf(out, axis + 2) - 1) * extentOf(strides, axis) + extent <= extentOf(shape, axis + 2),
  );
  if (apart)
    return graph.op('MaxUnpool', [cotangent, outputOf(node, 1), graph.ints(shape)], { kernel_shape: kernel, strides });
  // overlapping windows may share a maximum, so their gradients have to be added
  const positions = graph.reshape(outputOf(node, 1), [-1]);
  const flat = graph.op('ScatterElements', [graph.zeros([sizeOf(shape)]), positions, graph.reshape(cotangent, [-1])], {
    axis: 0,
    reduction: 'add',
  });
  return graph.reshape(flat, shape);
});

/** Elements each window averages over, row-major over the windows. */
function windowSizes(
  { kernel, strides, dilations, begin, end }: Windows,
  wide: readonly number[],
  narrow: readonly number[],
  countPadding: boolean,
): number[] {
  const perAxis = kernel.map((extent, axis) => {
    const [low, high] = countPadding
      ? [-extentOf(begin, axis), extentOf(wide, axis) + extentOf(end, axis)]
      : [0, extentOf(wide, axis)];
    return range(extentOf(narrow, axis)).map((window) => {
      const first = window * extentOf(strides, axis) - extentOf(begin, axis);
      return range(extent).filter((step) => {
        const position = first + step * extentOf(dilations, axis);
        return position >= low && position < high;
      }).length;
    });
  });
  return kernelOffsets(narrow).map((offset) =>
    offset.reduce((size, window, axis) => size * (perAxis[axis]?.[window] ?? 1), 1),
  );
}

function averagePool(scope: Scope, node: Node, cotangent: string): string {
  const { graph } = scope;
  const [shape, out] = [scope.shape(inputOf(node, 0)), scope.shape(outputOf(node))];
  const [wide, narrow] = [shape.slice(2), out.slice(2)];
  const windows = poolWindows(node, wide, narrow);
  const { kernel } = windows;
  const sizes = windowSizes(windows, wide, narrow, intOf(node, 'count_include_pad', 0) === 1);
  const uniform = sizes.every((size) => size === sizes[0]);
  const reciprocal = uniform
    ? graph.float(1 / (sizes[0] ?? 1))
    : graph.floats(
        sizes.map((size) => 1 / size),
        [1, 1, ...narrow],
      );
  const share = graph.op('Mul', [cotangent, reciprocal]);
  const planes = extentOf(shape, 0) * extentOf(shape, 1);
  const tiled =
    kernel.every(
      (extent, axis) => extent === windows.strides[axis] && extent * extentOf(narrow, axis) === wide[axis],
    ) &&
    [...windows.begin, ...windows.end].every((amount) => amount === 0) &&
    windows.dilations.every((step) => step === 1);
  if (tiled) {
    // windows tile the input: every element gets its window's share
    const split = narrow.flatMap((extent) => [extent, 1]);
    const repeated = narrow.flatMap((extent, axis) => [extent, extentOf(kernel, axis)]);
    const blocks = graph.reshape(share, [planes, ...split]);
    return graph.reshape(graph.op('Expand', [blocks, graph.ints([planes, ...repeated])]), shape);
  }
  const ones = graph.floats(Array<number>(sizeOf(kernel)).fill(1), [1, 1, ...kernel]);
  const spread = graph.op(
    'ConvTranspose',
    [graph.reshape(share, [planes, 1, ...narrow]), ones],
    scatterAttributes(windows, wide, narrow),
  );
  return graph.reshape(spread, shape);
}

/** Pooling. MaxPool needs its Indices output, which `lowering.ts` asks for. */
export const poolingRules: Record<string, Rule> = {
  MaxPool: maxPool,
  AveragePool: unary(averagePool),
  GlobalAveragePool: unary((scope, node, cotangent) => {
    const shape = scope.shape(inputOf(node, 0));
    const share = scope.graph.op('Mul', [cotangent, scope.graph.float(1 / sizeOf(shape.slice(2)))]);
    return scope.graph.op('Expand', [share, scope.graph.ints(shape)]);
  }),
};
