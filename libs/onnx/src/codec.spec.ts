import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { UnknownField } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { Attribute_Type, ModelSchema } from './gen/onnx_pb.js';
import { decodeModel, encodeModel, readInitializers, replaceInitializers } from './index.js';
import { logisticModel, loopModel } from './models.fixture.js';

const unknownField = (text: string): UnknownField[] => [
  { no: 900, wireType: 2, data: new Uint8Array([text.length, ...new TextEncoder().encode(text)]) },
];

describe('decodeModel and encodeModel', () => {
  it.each([
    ['weights', logisticModel],
    ['a graph in a node', loopModel],
  ])('are inverse for a model with %s', (_, build) => {
    expect(decodeModel(encodeModel(build()))).toEqual(build());
  });

  it('take an opset that is named twice alike, and refuse two versions of one', () => {
    const twice = (version: bigint): Uint8Array => {
      const message = fromBinary(ModelSchema, encodeModel(logisticModel()));
      message.opsetImport.push({ ...message.opsetImport[0]!, version });
      return toBinary(ModelSchema, message);
    };
    const version = logisticModel().opsets.get('')!;
    expect(decodeModel(twice(BigInt(version)))).toEqual(logisticModel());
    expect(() => decodeModel(twice(BigInt(version + 1)))).toThrow(
      expect.objectContaining({ code: 'ONNX_DUPLICATE_NAME' }),
    );
  });

  it('take a file of 100,000 opsets within two seconds', () => {
    const message = fromBinary(ModelSchema, encodeModel(logisticModel()));
    const [opset] = message.opsetImport;
    for (let index = 0; index < 100_000; index++) message.opsetImport.push({ ...opset!, domain: `d${index}` });
    const bytes = toBinary(ModelSchema, message);
    const started = performance.now();
    expect(decodeModel(bytes).opsets.size).toBe(100_001);
    expect(performance.now() - started).toBeLessThan(2_000);
  });

  it('give equal bytes for equal models', () => {
    expect(encodeModel(logisticModel())).toEqual(encodeModel(logisticModel()));
    expect(encodeModel(logisticModel([1, -2, 0.6]))).not.toEqual(encodeModel(logisticModel()));
  });

  it('keep unknown fields, documentation and rare attributes of every message, byte for byte', () => {
    const message = fromBinary(ModelSchema, encodeModel(logisticModel()));
    const graph = message.graph!;
    const node = graph.node[0]!;
    message.$unknown = unknownField('model');
    message.docString = 'what it is for';
    graph.$unknown = unknownField('graph');
    node.$unknown = unknownField('node');
    node.docString = 'a comment';
    graph.initializer[0]!.$unknown = unknownField('tensor');
    graph.initializer[0]!.docString = 'learned';
    graph.input[0]!.$unknown = unknownField('input');
    graph.input[0]!.type!.$unknown = unknownField('type');
    graph.input[0]!.type!.tensorType!.shape!.dim[0]!.denotation = 'DATA_BATCH';
    const attributeOf = (init: object) =>
      ({
        $typeName: 'onnx.Attribute',
        floats: [],
        ints: [],
        strings: [],
        tensors: [],
        graphs: [],
        ...init,
      }) as unknown as (typeof node.attribute)[0];
    node.attribute.push(
      attributeOf({ name: 'alpha', type: Attribute_Type.FLOAT, f: 0.5, docString: 'scale' }),
      attributeOf({ name: 'end', type: Attribute_Type.INT, i: 2n ** 63n - 1n }),
      attributeOf({ name: 'many', type: Attribute_Type.TENSORS, tensors: [graph.initializer[1]!] }),
      attributeOf({ name: 'raw', type: Attribute_Type.STRING, s: new Uint8Array([0xff, 0xfe]) }),
    );
    const bytes = toBinary(ModelSchema, message);
    const model = decodeModel(bytes);
    expect(model.graph.nodes[0]!.attributes['alpha']).toMatchObject({ kind: 'float', value: 0.5 });
    expect(model.graph.nodes[0]!.attributes['end']!.kind).toBe('opaque');
    expect(model.graph.inputs[0]).toMatchObject({ type: 'float32', dims: ['batch', 3] });
    expect(encodeModel(model)).toEqual(bytes);
  });

  it('let a changed shape win over a kept denotation', () => {
    const message = fromBinary(ModelSchema, encodeModel(logisticModel()));
    message.graph!.input[0]!.type!.tensorType!.shape!.dim[0]!.denotation = 'DATA_BATCH';
    const model = decodeModel(toBinary(ModelSchema, message));
    model.graph.inputs[0]!.dims = [4, 3];
    expect(decodeModel(encodeModel(model)).graph.inputs[0]!.dims).toEqual([4, 3]);
  });

  it('read every way of storing numbers to the same tensors', () => {
    const message = fromBinary(ModelSchema, encodeModel(logisticModel()));
    const weight = message.graph!.initializer[0]!;
    weight.rawData = new Uint8Array();
    weight.floatData = [1, -2, 0.5];
    const fromList = decodeModel(toBinary(ModelSchema, message));
    expect(fromList.graph.initializers.get('weight')!.data).toEqual(new Float32Array([1, -2, 0.5]));
    weight.floatData = [];
    weight.dataType = 10;
    weight.int32Data = [0x3c00, 0xc000, 0x3800];
    const halves = decodeModel(toBinary(ModelSchema, message)).graph.initializers.get('weight')!;
    expect(halves).toMatchObject({ type: 'float16', data: new Uint16Array([0x3c00, 0xc000, 0x3800]) });
  });

  it('read weights without copying where the file has them aligned', () => {
    const bytes = encodeModel(logisticModel());
    const shifted = Array.from({ length: 4 }, (_, offset) => {
      const buffer = new Uint8Array(bytes.length + offset);
      buffer.set(bytes, offset);
      return buffer.subarray(offset);
    });
    const views = shifted.map((view) => {
      const { data } = decodeModel(view).graph.initializers.get('weight')!;
      expect(data).toEqual(new Float32Array([1, -2, 0.5]));
      return (data as Float32Array).buffer === view.buffer;
    });
    expect(views.filter(Boolean)).toHaveLength(1);
  });

  it('do not depend on the later contents of a Buffer that had to be copied', () => {
    const bytes = Buffer.concat([Buffer.alloc(1), encodeModel(logisticModel())]).subarray(1);
    expect(decodeModel(bytes).graph.initializers.get('bias')!.data).toEqual(new Float32Array([0.25]));
  });
});

describe('replaceInitializers', () => {
  const bytes = encodeModel(logisticModel());

  it('changes these weights and nothing else', () => {
    const replaced = replaceInitializers(bytes, new Map([['weight', new Float32Array([7, 8, 9])]]));
    expect(decodeModel(replaced)).toEqual(logisticModel([7, 8, 9]));
    expect(readInitializers(replaced, ['weight']).get('weight')!.data).toEqual(new Float32Array([7, 8, 9]));
    expect(replaceInitializers(replaced, new Map([['weight', new Float32Array([1, -2, 0.5])]]))).toEqual(bytes);
  });

  it.each([
    ['an unknown name', 'nothing', [1], 'ONNX_NO_SUCH_INITIALIZER'],
    ['too few values', 'weight', [1], 'ONNX_SIZE_MISMATCH'],
    ['a value that is not a number', 'weight', [1, NaN, 2], 'ONNX_NON_FINITE'],
  ])('refuses %s', (_, name, values, code) => {
    expect(() => replaceInitializers(bytes, new Map([[name, new Float32Array(values)]]))).toThrow(
      expect.objectContaining({ code, place: expect.stringContaining(`"${name}"`) as string }),
    );
  });
});
