/** Geometry of the metrics chart. Pure; lengths in the chart's own units. */
export interface Domain {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
}

/** A domain of rates with round ends around the values: steps of .05, .1 or .2 so that at most six lines are drawn. */
export function rateDomain(values: readonly number[]): Domain {
  const least = values.length ? Math.min(...values) : 0.5;
  const most = values.length ? Math.max(...values) : 1;
  for (const step of [0.05, 0.1, 0.2]) {
    const low = Math.max(0, Math.floor((least - 0.005) / step + 1e-9));
    const high = Math.min(Math.round(1 / step), Math.max(low + 1, Math.ceil((most + 0.005) / step - 1e-9)));
    if (high - low > 5 && step < 0.2) continue;
    const ticks = Array.from({ length: high - low + 1 }, (_, i) => round3((low + i) * step));
    return { low: ticks[0]!, high: ticks.at(-1)!, ticks };
  }
  throw new RangeError('rates lie between 0 and 1');
}

/**
 * Moves labels apart to at least `gap`, keeping their order and staying within [top, bottom].
 * @param wanted y of each label
 */
export function spread(wanted: readonly number[], gap: number, top: number, bottom: number): number[] {
  const order = wanted.map((y, i) => ({ y, i })).sort((a, b) => a.y - b.y);
  let floor = top;
  for (const label of order) floor = (label.y = Math.max(label.y, floor)) + gap;
  let ceiling = bottom;
  for (const label of order.toReversed()) ceiling = (label.y = Math.min(label.y, ceiling)) - gap;
  const out = [...wanted];
  for (const { y, i } of order) out[i] = y;
  return out;
}

/** Round numbers to print below the axis: all up to 10, then at most about 8 with even steps. */
export function roundTicks(rounds: number): number[] {
  const step = rounds <= 10 ? 1 : Math.ceil(rounds / 8);
  const ticks = Array.from({ length: Math.floor((rounds - 1) / step) + 1 }, (_, i) => 1 + i * step);
  return ticks;
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000;
}
