import { describe, expect, it } from 'vitest';
import { FakeClock } from './fake-clock.js';

describe('FakeClock', () => {
  it('stands still until it is advanced', async () => {
    const clock = new FakeClock(1000);
    expect(clock.now()).toBe(1000);
    await clock.advance(250);
    expect(clock.now()).toBe(1250);
  });

  it('wakes sleepers in order and shows each its own time, also those that sleep again', async () => {
    const clock = new FakeClock(0);
    const woken: [string, number][] = [];
    const sleeper = async (name: string, ...naps: number[]): Promise<void> => {
      for (const nap of naps) {
        await clock.sleep(nap);
        woken.push([name, clock.now()]);
      }
    };
    const all = Promise.all([sleeper('a', 30, 10), sleeper('b', 20, 15, 100)]);
    await clock.advance(50);
    expect(woken).toEqual([['b', 20], ['a', 30], ['b', 35], ['a', 40]]);
    await clock.advance(100);
    await all;
    expect(woken.at(-1)).toEqual(['b', 135]);
  });
});
