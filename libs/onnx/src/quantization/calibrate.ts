import type { Session } from '@koinon/onnx-runtime';
import { OnnxError, quoted } from '../error.js';
import type { Model, Tensor } from '../ir.js';
import { loadSession } from '../load-session.js';
import { runSession } from '../runtime.js';
import type { Feeds } from '../runtime.js';
import type { Range } from './affine.js';
import { Histogram } from './histogram.js';

/** How a value's range is chosen from what calibration saw: all of it, without outliers, or with least information lost. */
export type CalibrationMethod = { kind: 'minmax' } | { kind: 'percentile'; percent: number } | { kind: 'entropy' };

/**
 * Ranges of the named float32 values over the calibration inputs.
 * @throws OnnxError ONNX_CALIBRATION where there is no input or a value is not finite; ONNX_RUNTIME
 */
export async function calibrate(
  model: Model,
  names: ReadonlySet<string>,
  inputs: readonly Feeds[],
  method: CalibrationMethod,
): Promise<Map<string, Range>> {
  if (inputs.length === 0) throw new OnnxError('ONNX_CALIBRATION', 'calibration', 'it needs at least one input');
  const given = new Set(model.graph.inputs.map(({ name }) => name));
  const outputs = [...names].filter((name) => !given.has(name)).map((name) => ({ name }));
  const session = await loadSession(
    {
      ...model,
      graph: { ...model.graph, outputs: [...outputs, ...model.graph.outputs.filter(({ name }) => !names.has(name))] },
    },
    'all',
  );
  try {
    const ranges = new Map<string, Range>();
    await forEachValue(session, names, inputs, (name, values) =>
      ranges.set(name, widened(ranges.get(name), values, name)),
    );
    if (method.kind === 'minmax') return ranges;
    const histograms = new Map(Array.from(ranges, ([name, range]) => [name, new Histogram(range)]));
    await forEachValue(session, names, inputs, (name, values) => histograms.get(name)!.add(values));
    return new Map(
      Array.from(histograms, ([name, histogram]) => [
        name,
        method.kind === 'percentile' ? histogram.percentileRange(method.percent) : histogram.entropyRange(),
      ]),
    );
  } finally {
    await session.release();
  }
}

async function forEachValue(
  session: Session,
  names: ReadonlySet<string>,
  inputs: readonly Feeds[],
  visit: (name: string, values: Float32Array) => void,
): Promise<void> {
  for (const feeds of inputs) {
    const values: Record<string, Tensor> = { ...feeds, ...(await runSession(session, feeds)) };
    for (const name of names) {
      const data = values[name]?.data;
      if (data instanceof Float32Array) visit(name, data);
    }
  }
}

function widened(range: Range = { min: 0, max: 0 }, values: Float32Array, name: string): Range {
  let { min, max } = range;
  for (const value of values) {
    if (value < min) min = value;
    else if (value > max) max = value;
    else if (Number.isNaN(value)) throw notFinite(name);
  }
  if (!Number.isFinite(max - min)) throw notFinite(name);
  return { min, max };
}

const notFinite = (name: string): OnnxError =>
  new OnnxError('ONNX_CALIBRATION', `value ${quoted(name)}`, 'it is not finite on a calibration input');
