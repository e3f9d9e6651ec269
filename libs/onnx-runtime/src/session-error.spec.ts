import { describe, expect, it } from 'vitest';
import { refusalOf } from './session-error.js';

/** Texts of onnxruntime-node 1.30, with a value or a path where it quotes one. */
const created: [text: string, reason: string][] = [
  ['Failed to load model because protobuf parsing failed.', 'it is not an ONNX file'],
  [
    'This is an invalid model. In Node, ("Frob_0", Frob, "", -1) : ("x": tensor(float),) -> ("y",) , Error No Op registered for Frob with domain_version of 18',
    'it has no operator Frob in opset 18',
  ],
  [
    'Type Error: Type parameter (T) of Optype (MatMul) bound to different types (tensor(float) and tensor(int64) in node (MatMul_0).',
    'operands of a MatMul have the wrong element types',
  ],
  [
    "This is an invalid model. Type Error: Type 'tensor(int64)' of input parameter (x) of operator (Sin) in node (Sin_0) is invalid.",
    'operands of a Sin have the wrong element types',
  ],
  [
    'Node (MatMul_0) Op (MatMul) [ShapeInferenceError] Incompatible dimensions for matrix multiplication',
    'operands of a MatMul do not fit together',
  ],
  [
    "Could not find an implementation for Hardmax(13) node with name 'h'",
    'the runtime has no Hardmax for these element types',
  ],
  ["Load model /home/jane/secret.onnx failed. File doesn't exist", 'the runtime gives no reason that may be repeated'],
];
const ran: [text: string, reason: string, name?: string][] = [
  [
    "Non-zero status code returned while running Gather node. Name:'Gather_0' Status Message: indices element out of data bounds, idx=987654321 must be within the inclusive range [-2,1]",
    'an operand of Gather has a value or shape that it does not take',
    'Gather_0',
  ],
  [
    "Non-zero status code returned while running Loop node. Name:'' Status Message: Non-zero status code returned while running Gather node. Name:'' Status Message: idx=987654321",
    'an operand of Loop has a value or shape that it does not take',
    '',
  ],
  [
    "Non-zero status code returned while running ConstantOfShape node. Name:'c' Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:360 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size 395061728493824",
    'there is not enough memory for a result of ConstantOfShape',
    'c',
  ],
  [
    'Invalid rank for input: x Got: 2 Expected: 1 Please fix either the inputs/outputs or the model.',
    'an input is missing or has another element type or shape than the model declares',
  ],
  [
    "input 'x' is missing in 'feeds'.",
    'an input is missing or has another element type or shape than the model declares',
  ],
  [
    "987654321 Non-zero status code returned while running Gather node. Name:'987654321'",
    'the runtime gives no reason that may be repeated',
  ],
];

describe('refusalOf', () => {
  it.each(created)('of a model: %s', (text, message) => {
    expect(refusalOf('SESSION_MODEL_REFUSED', new Error(text))).toMatchObject({
      code: 'SESSION_MODEL_REFUSED',
      message,
    });
  });

  it.each(ran)('of a run: %s', (text, message, name) => {
    const refusal = refusalOf('SESSION_RUN_FAILED', new Error(text));
    expect(refusal).toMatchObject({ code: 'SESSION_RUN_FAILED', message });
    expect(refusal.node?.name).toBe(name);
    expect(JSON.stringify(refusal) + refusal.stack).not.toContain('987654321');
  });
});
