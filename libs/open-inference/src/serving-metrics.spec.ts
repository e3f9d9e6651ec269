import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { input, start } from './testing/fake-server.js';

describe('metrics', () => {
  it('counts under the names of Triton, in microseconds, and feeds the stats', async () => {
    const { app, runtime, infer, stats } = start();
    runtime.answer = async () => {
      const readyMs = performance.now() + 3;
      while (performance.now() < readyMs) await setImmediate();
      return 0.25;
    };
    await infer({ inputs: [input] });
    await infer({ inputs: [input] });
    await infer({ inputs: [] });
    await infer({ inputs: [input] }, {}, '/v2/models/liver/infer');
    const text = (await app.inject('/metrics')).body;
    expect(text).toContain('nv_inference_request_success{model="heart-disease",version="v7"} 2\n');
    expect(text).toContain('nv_inference_request_failure{model="heart-disease",version="v7",reason="OTHER"} 1\n');
    expect(text).toContain('nv_inference_queue_duration_us{model="heart-disease",version="v7"} 2000\n');
    expect(text).toContain('nv_inference_compute_infer_duration_us{model="heart-disease",version="v7"} 4000\n');
    const [, durationUs] =
      /nv_inference_request_duration_us\{model="heart-disease",version="v7"\} (\S+)/.exec(text) ?? [];
    expect(Number(durationUs)).toBeGreaterThanOrEqual(6000);
    // Each took 3 ms or more: none below the third edge, and all below the last.
    const latency = (series: string): number =>
      Number(new RegExp(`^koinon_inference_request_duration_seconds_${series} (\\S+)$`, 'm').exec(text)?.[1]);
    const labels = 'model="heart-disease",version="v7"';
    expect(
      ['0.001', '0.0025', '+Inf'].map((edge) => latency(`bucket{le="${edge.replace('+', '\\+')}",${labels}}`)),
    ).toEqual([0, 0, 2]);
    expect(latency(`count{${labels}}`)).toBe(2);
    expect(latency(`sum{${labels}}`)).toBeCloseTo(Number(durationUs) / 1e6, 9);
    expect(text).not.toContain('liver');
    const { requests, p50Ms, p99Ms } = stats.snapshot();
    expect(requests).toBe(2);
    expect(p50Ms).toBeGreaterThanOrEqual(3);
    expect(p99Ms).toBeGreaterThanOrEqual(p50Ms ?? Infinity);
  });
});
