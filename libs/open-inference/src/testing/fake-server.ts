import { onTestFinished, vi } from 'vitest';
import type { Inference, InferenceRuntime, InferOptions, Slot, Tensor } from '@koinon/inference';
import { ModelDirectory } from '../model-directory.js';
import { buildServer } from '../server.js';
import { ServingStats } from '../serving-stats.js';

export const slot: Slot = {
  name: 'heart-disease',
  version: 'v7',
  sha256: 'ab'.repeat(32),
  inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 3] }],
  outputs: [{ name: 'probability', datatype: 'FP32', shape: [-1, 1] }],
};
export const INFER_PATH = '/v2/models/heart-disease/infer';
export const input = { name: 'features', shape: [1, 3], datatype: 'FP32', data: [1, 2, 3] };

/** A runtime whose answers a spec decides. */
class FakeRuntime implements InferenceRuntime {
  loaded: Slot | undefined = slot;
  full = false;
  healthy = true;
  readonly calls: { inputs: Readonly<Record<string, Tensor>>; options: InferOptions }[] = [];
  answer: (options: InferOptions) => Promise<number> = async () => 0.25;

  slot(): Slot | undefined {
    return this.loaded;
  }

  async infer(
    _model: string,
    _version: string | undefined,
    inputs: Readonly<Record<string, Tensor>>,
    options: InferOptions = {},
  ): Promise<Inference> {
    this.calls.push({ inputs, options });
    const value = await this.answer(options);
    const probability: Tensor = { datatype: 'FP32', shape: [1, 1], data: new Float32Array([value]) };
    return { version: slot.version, outputs: { probability }, queueMs: 1, computeMs: 2 };
  }
}

/** A server over that runtime, with a clock for expiry; it ends with the test. */
export function start() {
  const runtime = new FakeRuntime();
  const stats = new ServingStats();
  const clock = { now: 0 };
  const models = new ModelDirectory(runtime, ['heart-disease'], () => clock.now);
  const onFailure = vi.fn<(error: unknown) => void>();
  const app = buildServer({ runtime, models, stats, onFailure, maxBodyBytes: 2000 });
  onTestFinished(() => app.close());
  const infer = (body: unknown, headers: Record<string, string> = {}, path = INFER_PATH) =>
    app.inject({
      method: 'POST',
      url: path,
      headers: { 'content-type': 'application/json', ...headers },
      payload: typeof body === 'string' ? body : JSON.stringify(body),
    });
  return { app, runtime, models, stats, infer, clock, onFailure };
}
