import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { Attribute_Type, GraphSchema } from './gen/onnx_pb.js';
import { checkModel, encodeModel } from './index.js';
import type { Model } from './index.js';
import { logisticModel, loopModel } from './models.fixture.js';
import { altered, alteredBytes, node, refusal } from './refusal.fixture.js';

describe('checkModel', () => {
  it.each([
    ['weights', logisticModel],
    ['a Loop that reads an outer name', loopModel],
  ])('accepts a model with %s', (_, build) => {
    expect(checkModel(build())).toEqual(build());
    expect(checkModel(encodeModel(build()))).toEqual(build());
  });

  it.each<[string, (model: Model) => void, string, string]>([
    ['an opset the runtime does not have', ({ opsets }) => opsets.set('', 99), 'ONNX_UNKNOWN_OPSET', 'opset "ai.onnx"'],
    [
      'operators of an unknown domain',
      ({ opsets }) => opsets.set('com.example', 1),
      'ONNX_UNKNOWN_OPSET',
      'opset "com.example"',
    ],
    ['no opset', ({ opsets }) => opsets.clear(), 'ONNX_UNKNOWN_OPSET', 'model'],
    [
      'an IR version of the future',
      (model) => {
        model.irVersion = 14;
      },
      'ONNX_UNSUPPORTED_VERSION',
      'model',
    ],
  ])('refuses %s', (_, change, code, place) => {
    expect(refusal(altered((_graph, model) => change(model)))).toEqual({ code, place });
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
