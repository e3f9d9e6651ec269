/**
 * How long a round of the heart-disease federation takes: four nodes, coordinator, worker and PostgreSQL as processes of this
 * machine, fourteen weights, threshold CKKS. The first round of a run stands apart: nothing is warm in it.
 */
import { spawnSync } from 'node:child_process';
import type { RoundPhase } from '@koinon/contracts';
import type { Figure } from './figure.js';
import { runFederation, type FederationRun, type MeasuredRound } from './round-run.js';

/** Of five rounds each. */
const RUNS = 3;
const NODE_STARTS = 11;

/** States of a round that begin and end each of its parts. */
const PARTS = {
  'key generation': ['planned', 'collecting'],
  'training and uploads': ['collecting', 'freezing'],
  'adding and decrypting': ['freezing', 'updating'],
  'server update': ['updating', 'evaluating'],
  evaluation: ['evaluating', 'done'],
} as const satisfies Record<string, readonly [RoundPhase, RoundPhase]>;

export async function run({ onProgress }: { readonly onProgress: (line: string) => void }): Promise<Figure[]> {
  const nodeStarts = Array.from({ length: NODE_STARTS }, nodeStartMs);
  const runs: FederationRun[] = [];
  for (let number = 1; number <= RUNS; number++) {
    onProgress(`run ${number} of ${RUNS}`);
    runs.push(await runFederation(onProgress));
  }
  return figuresOf(runs, nodeStarts);
}

/** The yardstick: an empty Node process, of which a round starts two at each site. */
function nodeStartMs(): number {
  const start = performance.now();
  spawnSync(process.execPath, ['--eval', '0']);
  return performance.now() - start;
}

export function figuresOf(runs: readonly FederationRun[], nodeStarts: readonly number[]): Figure[] {
  const first = runs.map(({ rounds }) => rounds[0]!);
  const others = runs.flatMap(({ rounds }) => rounds.slice(1));
  const yardstick = median(nodeStarts);
  const figure = (name: string, unit: string, samples: readonly number[], isTime = true): Figure => ({
    name,
    value: median(samples),
    unit,
    samples,
    ...(isTime ? { yardstick, ratio: median(samples) / yardstick } : {}),
  });
  const lasting = (from: RoundPhase, to: RoundPhase) => (round: MeasuredRound) => entry(round, to) - entry(round, from);
  const roles = [...new Set(others.flatMap(({ cpuMs }) => Object.keys(cpuMs)))].toSorted();
  return [
    figure('round', 'ms', others.map(lasting('planned', 'done'))),
    figure('first round', 'ms', first.map(lasting('planned', 'done'))),
    ...Object.entries(PARTS).map(([part, [from, to]]) => figure(part, 'ms', others.map(lasting(from, to)))),
    ...roles.map((role) =>
      figure(
        `CPU time of a round: ${role}`,
        'ms',
        others.map(({ cpuMs }) => cpuMs[role] ?? 0),
      ),
    ),
    figure(
      'requests of a site in a round',
      'requests',
      others.map(({ requests, sites }) => requests / sites),
      false,
    ),
    figure(
      'koinon up --once',
      'ms',
      runs.map(({ wholeMs }) => wholeMs),
    ),
    figure('start of an empty Node process', 'ms', nodeStarts, false),
  ];
}

function entry({ entered }: MeasuredRound, phase: RoundPhase): number {
  const at = entered.get(phase);
  if (at === undefined) throw new Error(`the coordinator recorded no ${phase} of a round`);
  return at;
}

function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
