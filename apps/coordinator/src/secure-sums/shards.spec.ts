import { expect, it } from 'vitest';
import { BLOCKS_PER_SHARD, shardsLeft } from './shards.js';

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

it('shards cover every block once, the last one what is left', () => {
  const blocks = 2 * BLOCKS_PER_SHARD + 5;
  expect(shardsLeft(blocks, []).flatMap(({ from, to }) => range(from, to))).toEqual(range(0, blocks));
  expect(shardsLeft(1, [])).toEqual([{ from: 0, to: 1 }]);
});

it('a shard is asked for again while one of its blocks is missing, and never after', () => {
  const blocks = 3 * BLOCKS_PER_SHARD;
  const all = range(0, blocks);
  const [first, second] = [BLOCKS_PER_SHARD - 1, BLOCKS_PER_SHARD];
  expect(shardsLeft(blocks, all)).toEqual([]);
  expect(
    shardsLeft(
      blocks,
      all.filter((i) => i !== first),
    ),
  ).toEqual([{ from: 0, to: BLOCKS_PER_SHARD }]);
  expect(shardsLeft(blocks, range(0, second))).toEqual([
    { from: second, to: 2 * BLOCKS_PER_SHARD },
    { from: 2 * BLOCKS_PER_SHARD, to: blocks },
  ]);
});
