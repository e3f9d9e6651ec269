import { describe, expect, it } from 'vitest';
import { mayFollow } from './transition.js';

type State = 'first' | 'second' | 'done' | 'failed' | 'cancelled';
const states: readonly State[] = ['first', 'second', 'done', 'failed', 'cancelled'];

describe('a state', () => {
  it.each<[State, readonly State[]]>([
    ['first', ['second', 'done', 'failed', 'cancelled']],
    ['second', ['done', 'failed', 'cancelled']],
    ['done', []],
    ['failed', []],
    ['cancelled', []],
  ])('%s is followed by %j alone', (from, to) => {
    expect(states.filter((state) => mayFollow(['first', 'second', 'done'], from, state))).toEqual(to);
  });
});
