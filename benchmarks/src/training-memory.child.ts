/**
 * `node --expose-gc training-memory.child.js CASE`: the memory that a few runs of one training graph take, and what the graph
 * states. Prints {peakBytes, statedBytes}; Linux only, because the peak is the kernel's high-water mark.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { trainingGraph, type Port, type Ports } from '@koinon/autodiff';
import { elementCount } from '@koinon/onnx';
import { Session, Tensor } from '@koinon/onnx-runtime';
import { memoryCases } from './training-memory.js';
import { modelOf, parametersOf } from './training-models.js';

const RUNS = 4;

/** A line of /proc/self/status, in bytes. */
function kernel(name: 'VmRSS' | 'VmHWM'): number {
  return 1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
}

const chosen = memoryCases.find(({ name }) => name === process.argv[2]);
if (chosen === undefined) throw new Error(`name one of ${memoryCases.map(({ name }) => name).join('; ')}`);
const { network, options } = chosen;
const graph = await trainingGraph(modelOf(network), {
  trainable: parametersOf(network).map(({ name }) => name),
  output: 'logits',
  loss: network.loss,
  ...options,
});
const session = await Session.create(graph.bytes);
const collect = () => globalThis.gc?.();
collect();
writeFileSync('/proc/self/clear_refs', '5');
const before = kernel('VmRSS');

const { inputs } = graph;
const ports = (group: Ports | undefined): Port[] => Object.values(group ?? {});
const fed = [
  ...ports(inputs.features),
  inputs.labels,
  inputs.mask,
  inputs.learningRate,
  inputs.clippingNorm,
  inputs.expectedRecords,
  ...ports(inputs.parameters),
  ...ports(inputs.state),
  ...ports(inputs.noise),
];
// a page of zeros that nobody wrote takes no memory
const feeds = Object.fromEntries(
  fed.flatMap((port) =>
    port === undefined
      ? []
      : [
          [
            port.name,
            port.type === 'int64'
              ? new Tensor('int64', new BigInt64Array(elementCount(port.dims)).fill(1n), port.dims)
              : new Tensor('float32', new Float32Array(elementCount(port.dims)).fill(1e-3), port.dims),
          ],
        ],
  ),
);
for (let run = 0; run < RUNS; run++) {
  await session.run(feeds);
  collect();
}
process.stdout.write(JSON.stringify({ peakBytes: kernel('VmHWM') - before, statedBytes: graph.memoryBytes }));
