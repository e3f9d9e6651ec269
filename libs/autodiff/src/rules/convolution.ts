import type { Node } from '@koinon/onnx';
import { intOf } from '../attributes.js';
import type { GraphWriter } from '../graph-writer.js';
import {
  inputOf,
  outputOf,
  type Cotangent,
  type RecordGradient,
  type RecordScope,
  type Rule,
  type Scope,
} from '../rule.js';
import { extentOf, range, sizeOf } from '../shape.js';
import { scatterAttributes, unfold, windowsOf, type Windows } from '../windows.js';

/** Up to this size the weight gradient is formed per record and summed; above it one Gemm does the same in less memory. */
export const BATCHED_BYTES = 64 * 2 ** 20;

/** The two sides a convolution weight links, whichever of them is the operator's input. */
interface Link {
  windows: Windows;
  group: number;
  weight: readonly number[];
  wide: string;
  wideShape: readonly number[];
  narrow: string;
  narrowShape: readonly number[];
}

function spatial(shape: readonly number[]): readonly number[] {
  return shape.slice(2);
}

// Conv: weight [M, C/g, …k], input is the wide side
function convLink(scope: Scope, node: Node, cotangent: string): Link {
  const [weight, wideShape, narrowShape] = [inputOf(node, 1), inputOf(node, 0), outputOf(node)].map((name) =>
    scope.shape(name),
  ) as [number[], number[], number[]];
  const windows = windowsOf(node, spatial(weight), spatial(wideShape), spatial(narrowShape));
  return {
    windows,
    group: intOf(node, 'group', 1),
    weight,
    wide: inputOf(node, 0),
    wideShape,
    narrow: cotangent,
    narrowShape,
  };
}

// ConvTranspose: weight [C, M/g, …k], output is the wide side, so its weight is a Conv's weight with the sides swapped
function transposeLink(scope: Scope, node: Node, cotangent: string): Link {
  const [weight, narrowShape, wideShape] = [inputOf(node, 1), inputOf(node, 0), outputOf(node)].map((name) =>
    scope.shape(name),
  ) as [number[], number[], number[]];
  const windows = transposeWindows(node, weight, wideShape, narrowShape);
  return {
    windows,
    group: intOf(node, 'group', 1),
    weight,
    wide: cotangent,
    wideShape,
    narrow: inputOf(node, 0),
    narrowShape,
  };
}

// output_shape fixes the pads instead of the other way round; auto_pad then says which side gets the odd one
function transposeWindows(
  node: Node,
  weight: readonly number[],
  wideShape: readonly number[],
  narrowShape: readonly number[],
): Windows {
  const wide = spatial(wideShape);
  const windows = windowsOf(node, spatial(weight), wide, spatial(narrowShape));
  const { kernel, strides, dilations } = windows;
  if (node.attributes['output_shape'] === undefined) return windows;
  const extra =
    node.attributes['output_padding']?.kind === 'ints' ? node.attributes['output_padding'].value : kernel.map(() => 0);
  const total = kernel.map((extent, axis) =>
    Math.max(
      0,
      (extentOf(narrowShape, axis + 2) - 1) * extentOf(strides, axis) +
        extentOf(dilations, axis) * (extent - 1) +
        1 +
        extentOf(extra, axis) -
        extentOf(wide, axis),
    ),
  );
  const less = total.map((amount) => Math.floor(amount / 2));
  const more = total.map((amount, axis) => amount - extentOf(less, axis));
  const upper = node.attributes['auto_pad']?.kind === 'string' && node.attributes['auto_pad'].value === 'SAME_UPPER';
  return { ...windows, begin: upper ? less : more, end: upper ? more : less };
}

/** ∂/∂weight for each slice of the leading axis: [B, narrow channels, (wide channels / g)·kernel size]. */
function weightRows(
  graph: GraphWriter,
  { windows, group, weight, wide, wideShape, narrow, narrowShape }: Link,
): string {
  const [batch, narrowChannels] = [extentOf(narrowShape, 0), extentOf(narrowShape, 1)];
  const count = sizeOf(spatial(narrowShape));
  const perGroup = sizeOf(weight) / narrowChannels;
  const patches = unfold(graph, wide, wideShape, windows, spatial(narrowShape));
  const shape = group === 1 ? [batch] : [batch, group];
  const left = graph.reshape(narrow, [...shape, narrowChannels / group, count]);
  const right = graph.reshape(patches, [...shape, perGroup, count]);
  const last = shape.length;
  return graph.op('MatMul', [left, graph.op('Transpose', [right], { perm: [...range(last), last + 1, last] })]);
}

// All records in one Gemm: channels first, so that records and windows form one summed axis.
function weightInOneGemm(graph: GraphWriter, link: Link): string {
  const { windows, wide, wideShape, narrow, narrowShape } = link;
  const rank = wideShape.length;
  const channelsFirst = [1, 0, ...range(rank - 2, 2)];
  const swapped = [extentOf(wideShape, 1), extentOf(wideShape, 0), ...spatial(wideShape)];
  const patches = unfold(
    graph,
    graph.op('Transpose', [wide], { perm: channelsFirst }),
    swapped,
    windows,
    spatial(narrowShape),
  );
  const [records, narrowChannels] = [extentOf(narrowShape, 0), extentOf(narrowShape, 1)];
  const summed = records * sizeOf(spatial(narrowShape));
  // [C, N, kernel, windows] → [C, kernel, N, windows]
  const ordered = graph.op('Transpose', [patches], { perm: [0, 2, 1, 3] });
  const right = graph.reshape(ordered, [extentOf(wideShape, 1) * sizeOf(windows.kernel), summed]);
  const left = graph.reshape(graph.op('Transpose', [narrow], { perm: channelsFirst }), [narrowChannels, summed]);
  return graph.op('Gemm', [left, right], { transB: 1 });
}

function weightGradient(graph: GraphWriter, link: Link): string {
  const batch = extentOf(link.narrowShape, 0);
  const bytes = 4 * batch * sizeOf(link.weight);
  if (link.group === 1 && bytes > BATCHED_BYTES) return graph.reshape(weightInOneGemm(graph, link), link.weight);
  const rows = weightRows(graph, link);
  return graph.reshape(batch === 1 ? rows : graph.sum(rows, [0]), link.weight);
}

function weightRecords(scope: RecordScope, link: Link): RecordGradient {
  const { graph, records } = scope;
  const perRecord = extentOf(link.narrowShape, 0) / records;
  return {
    rows: () => {
      const rows = weightRows(graph, link);
      if (perRecord === 1) return graph.reshape(rows, [records, sizeOf(link.weight)]);
      return graph.sum(graph.reshape(rows, [records, perRecord, sizeOf(link.weight)]), [1]);
    },
  };
}

function biasRecords(scope: RecordScope, shape: readonly number[], cotangent: string): RecordGradient {
  const { graph, records } = scope;
  const summed = () => graph.sum(cotangent, range(shape.length - 2, 2));
  const perRecord = extentOf(shape, 0) / records;
  if (perRecord === 1) return { rows: summed };
  return { rows: () => graph.sum(graph.reshape(summed(), [records, perRecord, extentOf(shape, 1)]), [1]) };
}

type LinkOf = (scope: Scope, node: Node, cotangent: string) => Link;

function rule(
  linkOf: LinkOf,
  inputGradient: (scope: Scope, node: Node, link: Link, cotangent: string) => string,
): Rule {
  return {
    pullback(scope, node, [cotangent]): Cotangent[] {
      if (cotangent === undefined) return [];
      const { graph } = scope;
      const [x, weight, bias] = [inputOf(node, 0), inputOf(node, 1), inputOf(node, 2)];
      const link = linkOf(scope, node, cotangent);
      const summed = [0, ...range(link.wideShape.length - 2, 2)];
      return [
        scope.needs(x) ? inputGradient(scope, node, link, cotangent) : undefined,
        scope.needs(weight) ? weightGradient(graph, link) : undefined,
        bias !== '' && scope.needs(bias) ? graph.sum(cotangent, summed) : undefined,
      ];
    },
    recordGradient: (scope, node, [cotangent], input) =>
      input === 2
        ? biasRecords(scope, scope.shape(outputOf(node)), cotangent!)
        : weightRecords(scope, linkOf(scope, node, cotangent!)),
  };
}

function isPointwise({ windows, group }: Link): boolean {
  const { kernel, strides, begin, end } = windows;
  return (
    group === 1 &&
    [...kernel, ...strides].every((extent) => extent === 1) &&
    [...begin, ...end].every((amount) => amount === 0)
  );
}

/** Convolutions: Dumoulin & Visin 2016, arXiv:1603.07285, for how one is the other's gradient. */
export const convolutionRules: Record<string, Rule> = {
  Conv: rule(convLink, ({ graph }, node, link, cotangent) => {
    const [wide, narrow] = [spatial(link.wideShape), spatial(link.narrowShape)];
    if (isPointwise(link)) {
      const [records, outputs] = [extentOf(link.narrowShape, 0), extentOf(link.narrowShape, 1)];
      const weight = graph.op('Transpose', [graph.reshape(inputOf(node, 1), [outputs, extentOf(link.wideShape, 1)])], {
        perm: [1, 0],
      });
      return graph.reshape(
        graph.op('MatMul', [weight, graph.reshape(cotangent, [records, outputs, sizeOf(narrow)])]),
        link.wideShape,
      );
    }
    return graph.op('ConvTranspose', [cotangent, inputOf(node, 1)], {
      ...scatterAttributes(link.windows, wide, narrow),
      group: link.group,
    });
  }),
  ConvTranspose: rule(transposeLink, ({ graph }, node, { windows, group, narrowShape }, cotangent) => {
    const { kernel, strides, dilations, begin, end } = windows;
    const gathered = graph.op('Conv', [cotangent, inputOf(node, 1)], {
      kernel_shape: kernel,
      strides,
      dilations,
      pads: [...begin, ...end],
      group,
    });
    return cropTo(graph, gathered, spatial(narrowShape));
  }),
};

// output_padding can leave room for one more window than the input has elements
function cropTo(graph: GraphWriter, value: string, extents: readonly number[]): string {
  return graph.op('Slice', [
    value,
    graph.ints(extents.map(() => 0)),
    graph.ints(extents),
    graph.ints(range(extents.length, 2)),
  ]);
}
