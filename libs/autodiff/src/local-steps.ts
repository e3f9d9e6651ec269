import type { GraphWriter } from './graph-writer.js';
import { emitLoop } from './loop.js';
import { namesOf, stateGroups, stateShape, type StepState } from './ports.js';
import { emitStep, type StepContext, type StepData, type StepResult } from './training-step.js';

/** K steps in one run: a Loop carries the state and picks step k's slice of every data input. */
export function emitLocalSteps(graph: GraphWriter, context: StepContext, initial: StepState, count: number): StepResult {
  const { inputs, problem, options } = context;
  const entries = stateGroups.flatMap((group) => [...initial[group]].map(([key, value]) => ({ group, key, value, dims: stateShape(problem, group, key) })));
  const loop = emitLoop(graph, {
    name: 'step',
    count,
    carried: entries.map(({ value, dims }) => ({ initial: value, type: 'float32', dims })),
    collected: inputs.clippingNorm === undefined ? [[]] : [[], [options.batch]],
    body(body, iteration, carried) {
      const take = (value: string) => body.op('Gather', [value, iteration], { axis: 0 });
      const data: StepData = {
        features: new Map([...namesOf(inputs.features)].map(([key, name]) => [key, take(name)])),
        labels: take(inputs.labels.name),
        ...(inputs.mask && { mask: take(inputs.mask.name) }),
        ...(inputs.noise && { noise: new Map([...namesOf(inputs.noise)].map(([key, name]) => [key, take(name)])) }),
      };
      const step = emitStep(body, context, data, stateFrom(entries, carried));
      return {
        carried: entries.map(({ group, key }) => step.state[group].get(key) as string),
        collected: step.norms === undefined ? [step.loss] : [step.loss, step.norms],
      };
    },
  });
  const [loss, norms] = loop.collected;
  return { state: stateFrom(entries, loop.carried), loss: loss as string, ...(norms !== undefined && { norms }) };
}

function stateFrom(entries: readonly { group: keyof StepState; key: string }[], values: readonly string[]): StepState {
  const state: StepState = { parameters: new Map(), slots: new Map(), scalars: new Map(), statistics: new Map() };
  entries.forEach(({ group, key }, index) => state[group].set(key, values[index] as string));
  return state;
}
