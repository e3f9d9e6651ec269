import type { GraphWriter } from './graph-writer.js';
import { stateGroups, stateShape, type StepState } from './ports.js';
import { emitScan } from './scan.js';
import { mapData, type StepData, type StepValue } from './step-data.js';
import { emitStep, type StepContext, type StepResult } from './training-step.js';

/** K steps in one run: a Scan carries the state and hands step k its slice of all data. Losses and norms are [K, batch]. */
export function emitLocalSteps(
  graph: GraphWriter,
  context: StepContext,
  data: StepData<StepValue>,
  initial: StepState,
): StepResult {
  const { inputs, problem, options } = context;
  const entries = stateGroups.flatMap((group) =>
    [...initial[group]].map(([key, value]) => ({ group, key, value, dims: stateShape(problem, group, key) })),
  );
  const scanned: StepValue[] = [];
  const places = mapData(data, (value) => scanned.push(value) - 1);
  const scan = emitScan(graph, {
    name: 'step',
    carried: entries.map(({ value, dims }) => ({ initial: value, type: 'float32', dims })),
    scanned,
    collected: inputs.clippingNorm === undefined ? [[options.batch]] : [[options.batch], [options.batch]],
    body(body, carried, slices) {
      const step = emitStep(
        body,
        context,
        mapData(places, (place) => slices[place]!),
        stateFrom(entries, carried),
      );
      return {
        carried: entries.map(({ group, key }) => step.state[group].get(key)!),
        collected: step.norms === undefined ? [step.losses] : [step.losses, step.norms],
      };
    },
  });
  const [losses, norms] = scan.collected;
  return { state: stateFrom(entries, scan.carried), losses: losses!, ...(norms !== undefined && { norms }) };
}

function stateFrom(entries: readonly { group: keyof StepState; key: string }[], values: readonly string[]): StepState {
  const state: StepState = { parameters: new Map(), slots: new Map(), scalars: new Map(), statistics: new Map() };
  entries.forEach(({ group, key }, index) => state[group].set(key, values[index]!));
  return state;
}
