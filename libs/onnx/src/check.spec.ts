import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { Attribute_Type, GraphSchema, ModelSchema, NodeSchema, TensorSchema } from './gen/onnx_pb.js';
import type { Model as ModelMessage } from './gen/onnx_pb.js';
import { GraphBuilder, OnnxError, attr, checkModel, encodeModel } from './index.js';
import type { Graph, Model, ModelLimits, Node } from './index.js';
import { logisticModel, loopModel } from './models.fixture.js';

const node = (op: string, inputs: string[], outputs: string[], attributes: Node['attributes'] = {}): Node => ({
  op,
  domain: '',
  name: `the ${op}`,
  inputs,
  outputs,
  attributes,
});

function altered(change: (graph: Graph, model: Model) => void): Model {
  const model = logisticModel();
  change(model.graph, model);
  return model;
}

function alteredBytes(change: (message: ModelMessage) => void): Uint8Array {
  const message = fromBinary(ModelSchema, encodeModel(logisticModel()));
  change(message);
  return toBinary(ModelSchema, message);
}

function refusal(source: Model | Uint8Array, limits?: Partial<ModelLimits>): { code: string; place: string } {
  try {
    checkModel(source, limits);
  } catch (error) {
    if (error instanceof OnnxError) return { code: error.code, place: error.place };
    throw error;
  }
  return { code: 'accepted', place: '' };
}

/** If nests as deep as `levels` graphs. */
function nested(levels: number): Graph {
  const graph = new GraphBuilder(`level ${levels}`);
  const condition = graph.constant('bool', [], [1]);
  const branch = levels > 1 ? nested(levels - 1) : leaf();
  graph.op('If', [condition], { then_branch: attr.graph(branch), else_branch: attr.graph(branch) }, 'value');
  graph.output('value', 'float32', []);
  return graph.graph;
}

function leaf(): Graph {
  const graph = new GraphBuilder('leaf');
  graph.op('Constant', [], { value_float: attr.float(1) }, 'value');
  graph.output('value', 'float32', []);
  return graph.graph;
}

describe('checkModel', () => {
  it.each([
    ['weights', logisticModel],
    ['a Loop that reads an outer name', loopModel],
  ])('accepts a model with %s', (_, build) => {
    expect(checkModel(build())).toEqual(build());
    expect(checkModel(encodeModel(build()))).toEqual(build());
  });

  it('names the node of a cycle, not one behind it', () => {
    expect(
      refusal(
        altered(({ nodes }) => {
          nodes.unshift(node('Exp', ['b'], ['behind']), node('Add', ['x', 'b'], ['a']), node('Neg', ['a'], ['b']));
        }),
      ),
    ).toEqual({ code: 'ONNX_CYCLIC', place: expect.stringMatching(/^node "the (Add|Neg)"/) as string });
  });

  it('tells nodes in the wrong order from a cycle', () => {
    expect(refusal(altered(({ nodes }) => nodes.reverse()))).toEqual({
      code: 'ONNX_UNSORTED',
      place: 'node "Sigmoid_1" (Sigmoid)',
    });
  });

  it.each<[string, (graph: Graph, model: Model) => void, string, string]>([
    [
      'an input that nothing defines',
      ({ nodes }) => nodes.push(node('Relu', ['ghost'], ['y'])),
      'ONNX_DANGLING',
      'node "the Relu" (Relu)',
    ],
    [
      'an output that nothing makes',
      ({ outputs }) => outputs.push({ name: 'ghost' }),
      'ONNX_DANGLING',
      'output "ghost"',
    ],
    ['no output', ({ outputs }) => outputs.splice(0), 'ONNX_DANGLING', 'graph "logistic"'],
    [
      'a value made twice',
      ({ nodes }) => nodes.push(node('Relu', ['x'], ['logit'])),
      'ONNX_DUPLICATE_NAME',
      'node "the Relu" (Relu)',
    ],
    [
      'a node that makes an input',
      ({ nodes }) => nodes.push(node('Relu', ['logit'], ['x'])),
      'ONNX_DUPLICATE_NAME',
      'node "the Relu" (Relu)',
    ],
    [
      'an output declared twice',
      ({ outputs }) => outputs.push({ name: 'probability' }),
      'ONNX_DUPLICATE_NAME',
      'output "probability"',
    ],
    [
      'a node without an operator',
      ({ nodes }) => nodes.push(node('', ['x'], ['y'])),
      'ONNX_MISSING_NAME',
      'node "the " ()',
    ],
    [
      'an opset the runtime does not have',
      (_, { opsets }) => opsets.set('', 99),
      'ONNX_UNKNOWN_OPSET',
      'opset "ai.onnx"',
    ],
    [
      'operators of an unknown domain',
      (_, { opsets }) => opsets.set('com.example', 1),
      'ONNX_UNKNOWN_OPSET',
      'opset "com.example"',
    ],
    [
      'a node of a domain not imported',
      ({ nodes }) => nodes.push({ ...node('Gelu', ['x'], ['y']), domain: 'com.microsoft' }),
      'ONNX_UNKNOWN_OPSET',
      'node "the Gelu" (Gelu)',
    ],
    ['no opset', (_, { opsets }) => opsets.clear(), 'ONNX_UNKNOWN_OPSET', 'model'],
    [
      'an IR version of the future',
      (_, model) => {
        model.irVersion = 14;
      },
      'ONNX_UNSUPPORTED_VERSION',
      'model',
    ],
    [
      'a weight that is not a number',
      ({ initializers }) => {
        initializers.get('weight')!.data[1] = NaN;
      },
      'ONNX_NON_FINITE',
      'initializer "weight"',
    ],
    [
      'an infinite weight',
      ({ initializers }) => {
        initializers.get('weight')!.data[2] = -Infinity;
      },
      'ONNX_NON_FINITE',
      'initializer "weight"',
    ],
    [
      'an attribute that is not a number',
      ({ nodes }) => nodes.push(node('Elu', ['x'], ['y'], { alpha: attr.float(NaN) })),
      'ONNX_NON_FINITE',
      'node "the Elu" (Elu)',
    ],
    [
      'a 16-bit weight that is not a number',
      ({ initializers }) =>
        initializers.set('half', { name: 'half', type: 'float16', dims: [2], data: new Uint16Array([0x3c00, 0x7e01]) }),
      'ONNX_NON_FINITE',
      'initializer "half"',
    ],
    [
      'a tensor of another size than its shape',
      ({ initializers }) => {
        initializers.get('bias')!.dims = [2];
      },
      'ONNX_SIZE_MISMATCH',
      'initializer "bias"',
    ],
    [
      'an open axis behind the batch',
      ({ inputs }) => {
        inputs[0]!.dims = ['batch', 'features'];
      },
      'ONNX_OPEN_SHAPE',
      'input "x"',
    ],
    [
      'an unstated rank',
      ({ inputs }) => {
        delete inputs[0]!.dims;
      },
      'ONNX_OPEN_SHAPE',
      'input "x"',
    ],
    [
      'an unstated element type',
      ({ inputs }) => {
        delete inputs[0]!.type;
      },
      'ONNX_UNSUPPORTED_TYPE',
      'input "x"',
    ],
    [
      'an enormous input',
      ({ inputs }) => {
        inputs[0]!.dims = [2 ** 20, 2 ** 20];
      },
      'ONNX_TOO_LARGE',
      'input "x"',
    ],
    [
      'an enormous constant',
      ({ nodes, initializers }) => {
        initializers.set('shape', {
          name: 'shape',
          type: 'int64',
          dims: [2],
          data: new BigInt64Array([2n ** 30n, 2n ** 30n]),
        });
        nodes.push(node('ConstantOfShape', ['shape'], ['huge']));
      },
      'ONNX_TOO_LARGE',
      'node "the ConstantOfShape" (ConstantOfShape)',
    ],
    [
      'an enormous padding',
      ({ nodes }) => nodes.push(node('AveragePool', ['x'], ['y'], { pads: attr.ints([2 ** 40, 0]) })),
      'ONNX_TOO_LARGE',
      'node "the AveragePool" (AveragePool)',
    ],
    [
      'an initializer without a name',
      ({ initializers }) => initializers.set('', initializers.get('bias')!),
      'ONNX_MISSING_NAME',
      'initializer ""',
    ],
    [
      'an endless name of a weight',
      ({ initializers }) => initializers.set('n'.repeat(1_001), initializers.get('bias')!),
      'ONNX_TOO_LARGE',
      `initializer "${'n'.repeat(79)}…"`,
    ],
    [
      'an endless name of a value',
      ({ nodes }) => nodes.push(node('Relu', ['x'], ['n'.repeat(1_001)])),
      'ONNX_TOO_LARGE',
      'node "the Relu" (Relu)',
    ],
    [
      'an endless name of a node',
      ({ nodes }) => nodes.push({ ...node('Relu', ['x'], ['y']), name: 'n'.repeat(1_001) }),
      'ONNX_TOO_LARGE',
      `node "${'n'.repeat(79)}…" (Relu)`,
    ],
    [
      'an endless name of a dimension',
      ({ inputs }) => {
        inputs[0]!.dims = ['n'.repeat(1_001), 3];
      },
      'ONNX_TOO_LARGE',
      `input "x", dimension "${'n'.repeat(79)}…"`,
    ],
    [
      'graphs nested too deep',
      (graph) => {
        graph.nodes.push(node('If', ['bias'], ['y'], { then_branch: attr.graph(nested(8)) }));
      },
      'ONNX_TOO_DEEP',
      'graph "level 2"',
    ],
  ])('refuses %s', (_, change, code, place) => {
    expect(refusal(altered(change))).toEqual({ code, place });
  });

  it('accepts infinities as scalar bounds and open axes where they are allowed', () => {
    const bounded = altered(({ initializers, nodes, outputs }) => {
      initializers.set('highest', { name: 'highest', type: 'float32', dims: [], data: new Float32Array([Infinity]) });
      nodes.push(node('Clip', ['logit', '', 'highest'], ['y']));
      outputs.push({ name: 'y' });
    });
    expect(refusal(bounded).code).toBe('accepted');
    const open = altered(({ inputs }) => {
      inputs[0]!.dims = ['batch', 'features'];
    });
    expect(refusal(open, { openDims: 'any' }).code).toBe('accepted');
    expect(refusal(logisticModel(), { openDims: 'none' }).code).toBe('ONNX_OPEN_SHAPE');
  });

  it('holds its limits', () => {
    expect(refusal(encodeModel(logisticModel()), { maxBytes: 100 })).toEqual({
      code: 'ONNX_TOO_LARGE',
      place: 'model',
    });
    expect(refusal(logisticModel(), { maxNodes: 1 })).toEqual({ code: 'ONNX_TOO_LARGE', place: 'graph "logistic"' });
    expect(refusal(logisticModel(), { maxInitializers: 1 })).toEqual({
      code: 'ONNX_TOO_LARGE',
      place: 'graph "logistic"',
    });
    expect(refusal(logisticModel(), { maxElements: 2 })).toMatchObject({ code: 'ONNX_TOO_LARGE' });
  });

  it('refuses every truncation that cuts more than metadata off', () => {
    const bytes = encodeModel({ ...logisticModel(), metadata: new Map() });
    for (let length = 0; length < bytes.length; length++) {
      expect(refusal(bytes.subarray(0, length)).code).not.toBe('accepted');
    }
  });

  it('refuses messages nested without end before it decodes them', () => {
    let bytes = new Uint8Array(toBinary(GraphSchema, create(GraphSchema, { name: 'innermost' })));
    for (let level = 0; level < 100; level++) {
      const graph = fromBinary(GraphSchema, bytes);
      bytes = toBinary(
        GraphSchema,
        create(GraphSchema, {
          node: [{ opType: 'If', attribute: [{ name: 'then_branch', type: Attribute_Type.GRAPH, g: graph }] }],
        }),
      );
      if (level > 20) break;
    }
    const deep = toBinary(ModelSchema, create(ModelSchema, { graph: fromBinary(GraphSchema, bytes) }));
    expect(refusal(deep).code).toBe('ONNX_TOO_DEEP');
  });

  it('refuses millions of empty parts without making objects of them', () => {
    const nodes = 5_000_000;
    const header = [0x3a, ...[0, 7, 14, 21].map((shift) => (((2 * nodes) >>> shift) & 0x7f) | (shift < 21 ? 0x80 : 0))];
    const bytes = new Uint8Array(header.length + 2 * nodes);
    bytes.set(header);
    for (let index = header.length; index < bytes.length; index += 2) bytes[index] = 0x0a;
    expect(refusal(bytes).code).toBe('ONNX_TOO_LARGE');
  });

  it('refuses what it cannot see into: functions, sparse weights, lists of graphs', () => {
    expect(
      refusal(
        alteredBytes((message) => {
          message.$unknown = [{ no: 25, wireType: 2, data: new Uint8Array([0]) }];
        }),
      ),
    ).toEqual({ code: 'ONNX_UNSUPPORTED_TYPE', place: 'model' });
    expect(
      refusal(
        alteredBytes(({ graph }) => {
          graph!.sparseInitializer = create(GraphSchema, { sparseInitializer: [{ dims: [2n] }] }).sparseInitializer;
        }),
      ),
    ).toEqual({ code: 'ONNX_UNSUPPORTED_TYPE', place: 'graph "logistic"' });
    expect(
      refusal(
        alteredBytes(({ graph }) => {
          graph!.node[0]!.attribute = create(GraphSchema, {
            node: [{ attribute: [{ name: 'bodies', type: Attribute_Type.GRAPHS, graphs: [{}] }] }],
          }).node[0]!.attribute;
        }),
      ),
    ).toEqual({ code: 'ONNX_UNSUPPORTED_TYPE', place: 'node "Gemm_0" (Gemm)' });
  });

  it.each<[string, number[]]>([
    ['floats that end early', [0x22, 3, 0, 0, 0]],
    ['doubles that end early', [0x52, 4, 0, 0, 0, 0]],
    ['a number that goes on behind its list', [0x3a, 2, 0x08, 0x80]],
    ['a number of eleven bytes', [0x3a, 11, ...Array.from({ length: 10 }, () => 0xff), 0x01]],
  ])('refuses a packed list of %s', (_, field) => {
    // model { graph { initializer { … } } }
    expect(refusal(new Uint8Array([0x3a, field.length + 2, 0x2a, field.length, ...field]))).toEqual({
      code: 'ONNX_MALFORMED',
      place: expect.stringMatching(/^byte \d+$/) as string,
    });
  });

  it('says that an empty file is empty, and what an unknown element type is', () => {
    expect(() => checkModel(new Uint8Array())).toThrow(/^model: the file is empty/);
    expect(() =>
      checkModel(
        alteredBytes(({ graph }) => {
          graph!.initializer[0]!.dataType = 22;
        }),
      ),
    ).toThrow(/^tensor "weight": element type INT4 is not supported/);
    expect(() =>
      checkModel(
        alteredBytes(({ graph }) => {
          graph!.input[0]!.type!.tensorType!.elemType = 17;
        }),
      ),
    ).toThrow(/^input "x": element type FLOAT8E4M3FN is not supported/);
  });

  it.each([
    [
      'initializers',
      ({ graph }: ModelMessage) => {
        graph!.initializer = Array.from({ length: 200_000 }, (_, index) =>
          create(TensorSchema, { name: `i${index}`, dataType: 1, floatData: [0] }),
        );
      },
    ],
    [
      'nodes',
      ({ graph }: ModelMessage) => {
        graph!.node = Array.from({ length: 99_000 }, (_, index) =>
          create(NodeSchema, { opType: 'Relu', input: ['x'], output: [`y${index}`] }),
        );
      },
    ],
    [
      'strings',
      ({ graph }: ModelMessage) => {
        graph!.initializer[0]!.stringData = Array.from({ length: 2_000_000 }, () => new Uint8Array());
      },
    ],
  ])('refuses a file of too many %s within two seconds', (_, change) => {
    const bytes = alteredBytes(change);
    const started = performance.now();
    expect(refusal(bytes).code).toBe('ONNX_TOO_LARGE');
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('refuses two initializers or attributes of one name while it decodes', () => {
    expect(refusal(alteredBytes(({ graph }) => graph!.initializer.push(graph!.initializer[0]!)))).toEqual({
      code: 'ONNX_DUPLICATE_NAME',
      place: 'initializer "weight"',
    });
  });

  it('quotes names from the file so that they cannot forge output', () => {
    const { place } = refusal(
      altered(({ nodes }) => nodes.push({ ...node('Relu', ['ghost'], ['y']), name: `\u001b[2J\n${'n'.repeat(500)}` })),
    );
    expect(place).not.toMatch(/\p{Cc}/u);
    expect(place.length).toBeLessThan(150);
  });
});
