import { elementCount, type Graph, type Node } from '@koinon/onnx';

const REMEDY = 'only float32 initializers can be trained and checked, so export them as float32 initializers';

/** Where the weights of a model are that has no float32 initializer, and what to do; undefined where it has one or no weights at all. */
export function weightsElsewhere({ initializers, nodes }: Graph): string | undefined {
  const types = [...new Set([...initializers.values()].map(({ type }) => type))].filter((type) =>
    type.includes('float'),
  );
  if (types.includes('float32')) return undefined;
  if (types.length > 0) return `its weights are ${types.join(' and ')}; ${REMEDY}`;
  return nodes.some(isWeight) ? `its weights are Constant nodes; ${REMEDY}` : undefined;
}

/** A single number is rather an option, such as an epsilon. */
function isWeight({ op, domain, attributes: { value } }: Node): boolean {
  return (
    op === 'Constant' &&
    domain === '' &&
    value?.kind === 'tensor' &&
    value.value.type.includes('float') &&
    elementCount(value.value.dims) > 1
  );
}
