import { describe, expect, it } from 'vitest';
import { View } from './view.js';

/** Lets every promise that can settle do so. */
const settle = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve();
};

/** A loader whose answers the test gives by hand. */
function controlled() {
  const asked: (string | null)[] = [];
  const answers: { resolve: (value: string) => void; reject: (error: Error) => void }[] = [];
  const view = new View<string>(
    (part) => {
      asked.push(part);
      return new Promise((resolve, reject) => answers.push({ resolve, reject }));
    },
    () => {},
  );
  return { view, asked, answers };
}

describe('View', () => {
  it('loads when somebody first looks and not again for the second', async () => {
    const { view, asked, answers } = controlled();
    expect(asked).toEqual([]);
    view.subscribe(() => {});
    answers[0]!.resolve('one');
    await settle();
    view.subscribe(() => {});
    expect(asked).toEqual([null]);
    expect(view.get()).toEqual({ data: 'one', error: undefined, loading: false });
  });

  it('turns a burst of changes into one more request', async () => {
    const { view, asked, answers } = controlled();
    view.subscribe(() => {});
    for (let i = 0; i < 20; i++) view.touch('run');
    expect(asked).toHaveLength(1);
    answers[0]!.resolve('one');
    await settle();
    expect(asked).toEqual([null, 'run']);
  });

  it('loads the whole when different parts changed', async () => {
    const { view, asked, answers } = controlled();
    view.subscribe(() => {});
    view.touch('a');
    view.touch('b');
    answers[0]!.resolve('one');
    await settle();
    expect(asked).toEqual([null, null]);
  });

  it('keeps the last good answer beside an error', async () => {
    const { view, answers } = controlled();
    view.subscribe(() => {});
    answers[0]!.resolve('one');
    await settle();
    view.touch();
    const error = new Error('gone');
    answers[1]!.reject(error);
    await settle();
    expect(view.get()).toEqual({ data: 'one', error, loading: false });
  });

  it('waits with a change until somebody looks again', async () => {
    const { view, asked, answers } = controlled();
    const stop = view.subscribe(() => {});
    answers[0]!.resolve('one');
    await settle();
    stop();
    view.touch();
    expect(asked).toHaveLength(1);
    view.subscribe(() => {});
    expect(asked).toHaveLength(2);
  });
});
