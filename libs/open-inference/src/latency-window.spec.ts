import { describe, expect, it } from 'vitest';
import { LatencyWindow } from './latency-window.js';
import { ServingStats } from './serving-stats.js';

const MINUTE_MS = 60_000;

describe('LatencyWindow', () => {
  it('gives exact quantiles', () => {
    const window = new LatencyWindow();
    for (let index = 0; index < 200; index++) window.record(((index * 37) % 200) + 1);
    expect(window.quantiles(0, 0.01, 0.5, 0.99, 1)).toEqual([1, 2, 100, 198, 200]);
  });

  it('forgets what is older than 15 minutes, and all but the newest 1,000', () => {
    let nowMs = 0;
    const window = new LatencyWindow(() => nowMs);
    window.record(500);
    nowMs = 14 * MINUTE_MS;
    expect(window.quantiles(1)).toEqual([500]);
    for (let index = 0; index < 999; index++) window.record(3);
    expect(window.quantiles(1)).toEqual([500]);
    window.record(4);
    expect(window.quantiles(0.5, 1)).toEqual([3, 4]);
    nowMs = 30 * MINUTE_MS;
    expect(window.quantiles(0.5, 0.99)).toEqual([null, null]);
    window.record(7);
    expect(window.quantiles(0.5, 0.99)).toEqual([7, 7]);
  });
});

describe('ServingStats', () => {
  it('counts requests since the start, also those that left the window', () => {
    let nowMs = 0;
    const stats = new ServingStats(() => nowMs);
    expect(stats.snapshot()).toEqual({ requests: 0, p50Ms: null, p99Ms: null });
    stats.record(5);
    nowMs = 16 * MINUTE_MS;
    stats.record(1);
    expect(stats.snapshot()).toEqual({ requests: 2, p50Ms: 1, p99Ms: 1 });
  });
});
