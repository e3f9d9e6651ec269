import { roundPhases } from '@koinon/contracts';
import { expect, it } from 'vitest';
import { figuresOf } from './round.js';

it('reports the median of the rounds that are warm, their parts, and the first one apart', () => {
  const round = (planned: number, stepMs: number, coordinator: number) => {
    const phases = roundPhases.filter((phase) => phase !== 'failed');
    const entered = new Map(phases.map((phase, index) => [phase, planned + index * stepMs]));
    return { entered, sites: 4, requests: 120, cpuMs: { coordinator } };
  };
  const rounds = [round(0, 1000, 9), round(7000, 200, 5), round(8400, 300, 3), round(10_500, 100, 4)];
  const figures = figuresOf([{ wholeMs: 20_000, rounds }], [40, 50, 60]);
  expect(Object.fromEntries(figures.map(({ name, value }) => [name, value]))).toEqual({
    round: 1400,
    'first round': 7000,
    'key generation': 200,
    'training and uploads': 200,
    'adding and decrypting': 600,
    'server update': 200,
    evaluation: 200,
    'CPU time of a round: coordinator': 4,
    'requests of a site in a round': 30,
    'koinon up --once': 20_000,
    'start of an empty Node process': 50,
  });
  expect(figures[0]).toMatchObject({ unit: 'ms', ratio: 28, yardstick: 50, samples: [1400, 2100, 700] });
});
