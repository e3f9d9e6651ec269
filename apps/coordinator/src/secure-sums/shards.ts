/** Blocks one shard adds: small enough to spread over workers, large enough to be worth a job. */
export const BLOCKS_PER_SHARD = 32;

/** Blocks [from, to) of a sum. */
export interface Shard {
  readonly from: number;
  readonly to: number;
}

/** The shards of a sum of `blocks` blocks in which a block is still to be added. */
export function shardsLeft(blocks: number, added: Iterable<number>): Shard[] {
  const done = new Set(added);
  const starts = Array.from({ length: Math.ceil(blocks / BLOCKS_PER_SHARD) }, (_, i) => i * BLOCKS_PER_SHARD);
  return starts
    .map((from) => ({ from, to: Math.min(blocks, from + BLOCKS_PER_SHARD) }))
    .filter(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i).some((index) => !done.has(index)));
}
