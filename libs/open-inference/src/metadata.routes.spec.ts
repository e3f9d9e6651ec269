import { describe, expect, it } from 'vitest';
import { input, slot, start } from './testing/fake-server.js';

describe('readiness', () => {
  it('comes with the first model and metadata comes from its session', async () => {
    const { app, runtime } = start();
    runtime.loaded = undefined;
    for (const path of ['/v2/health/ready', '/v2/models/heart-disease/ready', '/v2/models/heart-disease']) {
      const response = await app.inject(path);
      expect([response.statusCode, response.json().code, response.headers['retry-after']]).toEqual([
        503,
        'MODEL_NOT_READY',
        '1',
      ]);
    }
    runtime.loaded = slot;
    expect((await app.inject('/v2/health/ready')).statusCode).toBe(200);
    expect((await app.inject('/v2/models/heart-disease/versions/v7')).json()).toEqual({
      name: 'heart-disease',
      versions: ['v7'],
      platform: 'onnx_onnxv1',
      inputs: slot.inputs,
      outputs: slot.outputs,
      parameters: { sha256: slot.sha256 },
    });
  });

  it('of a model past its expiry is kept for a while, and answers, metadata and metrics say that it is expired', async () => {
    const { app, models, infer, clock } = start();
    models.limit('heart-disease', { expiresAt: 1000, servedUntil: 2000 });
    const told = async () => {
      const [metadata, metrics] = [await app.inject('/v2/models/heart-disease'), await app.inject('/metrics')];
      const answer = await infer({ inputs: [input] });
      return [
        metadata.json().parameters?.expired,
        answer.json().parameters,
        /koinon_model_expired\{.*\} (\d)/.exec(metrics.body)?.[1],
      ];
    };
    clock.now = 999;
    expect(await told()).toEqual([undefined, undefined, '0']);
    clock.now = 1000;
    expect(await told()).toEqual([true, { expired: true }, '1']);
    clock.now = 2000;
    const over = [
      await infer({ inputs: [input] }),
      await app.inject('/v2/models/heart-disease'),
      await app.inject('/v2/models/heart-disease/ready'),
    ];
    expect(over.map((r) => [r.statusCode, r.json().code])).toEqual(
      Array.from({ length: 3 }, () => [503, 'MODEL_EXPIRED']),
    );
    expect((await app.inject('/v2/health/ready')).statusCode).toBe(503);
    models.limit('heart-disease', { expiresAt: 3000, servedUntil: 4000 });
    expect(await told()).toEqual([undefined, undefined, '0']);
  });

  it('a lost thread shows as not live', async () => {
    const { app, runtime } = start();
    runtime.healthy = false;
    expect((await app.inject('/v2/health/live')).statusCode).toBe(503);
  });
});
