import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import * as index from './index.js';
import type { SessionError } from './session-error.js';
import { Session, Tensor } from './index.js';
import { gatherModel } from './testing/gather-model.js';

describe('Session', () => {
  it('is the only way to a session that the package gives', () => {
    expect(Object.keys(index).toSorted()).toEqual(['Session', 'SessionError', 'Tensor']);
  });

  it('tells its inputs and outputs, and computes all or some outputs', async () => {
    const session = await Session.create(gatherModel);
    expect([session.inputs, session.outputs]).toMatchObject([
      [{ name: 'x', type: 'int64', shape: ['N'] }],
      [{ name: 'y', type: 'float32', shape: ['N'] }],
    ]);
    const x = new Tensor('int64', [1n, 0n], [2]);
    expect((await session.run({ x }))['y']?.data).toEqual(Float32Array.of(2, 1));
    const y = new Tensor('float32', new Float32Array(2), [2]);
    await session.run({ x }, { y });
    expect(y.data).toEqual(Float32Array.of(2, 1));
    expect(Object.keys(await session.run({ x }, ['y']))).toEqual(['y']);
    await session.release();
  });

  it('refuses a run with a code and a reason that hold no value', async () => {
    const session = await Session.create(gatherModel);
    const refusal = async (x: Tensor): Promise<unknown> => {
      const outcome: unknown = await session.run({ x }).catch((error: unknown) => error as SessionError);
      return outcome;
    };
    const outOfRange = await refusal(new Tensor('int64', [987_654_321n], [1]));
    expect(outOfRange).toMatchObject({
      code: 'SESSION_RUN_FAILED',
      message: 'an operand of Gather has a value or shape that it does not take',
      node: { name: 'Gather_0', op: 'Gather' },
    });
    expect(await refusal(new Tensor('float32', [987_654_321], [1]))).toMatchObject({
      code: 'SESSION_RUN_FAILED',
      message: expect.stringContaining('an input is missing'),
    });
    // all that a log could print of it
    expect(inspect(outOfRange, { showHidden: true, depth: null })).not.toContain('987654321');
    await session.release();
  });

  it('refuses a file that is no model', async () => {
    await expect(Session.create(Uint8Array.of(1, 2, 3))).rejects.toMatchObject({
      code: 'SESSION_MODEL_REFUSED',
      message: 'it is not an ONNX file',
    });
  });
});
