import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Lane } from './lane.js';

const turn = (): Promise<void> => new Promise(setImmediate);
const listed = (ids: Iterable<string>): ReadonlyMap<string, string> => new Map([...ids].map((id) => [id, id]));

/** A lane whose jobs end when the test says so. */
class Workshop {
  readonly begun: string[] = [];
  /** What was begun while something ran. */
  readonly overlapped: string[] = [];
  readonly stopping = new AbortController();
  readonly lane = new Lane<string>(
    (id, withdrawn) => this.begin(id, withdrawn),
    this.stopping.signal,
    () => this.resting(),
  );
  /** What runs now. */
  current:
    | { readonly id: string; readonly withdrawn: AbortSignal; readonly end: (answered: boolean) => void }
    | undefined;
  onBegin: (id: string) => void = () => undefined;
  private readonly rests: (() => void)[] = [];

  async end(answered: boolean): Promise<void> {
    this.current?.end(answered);
    await turn();
  }

  async restIsOver(): Promise<void> {
    for (const over of this.rests.splice(0)) over();
    await turn();
  }

  private async begin(id: string, withdrawn: AbortSignal): Promise<boolean> {
    if (this.current) this.overlapped.push(id);
    this.onBegin(id);
    this.begun.push(id);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.current = { id, withdrawn, end: resolve };
    return promise.finally(() => (this.current = undefined));
  }

  private resting(): Promise<void> {
    return new Promise((resolve) => this.rests.push(resolve));
  }
}

describe('a lane', () => {
  it('runs one thing after the other, and what failed again when it has rested and the others had their turn', async () => {
    const workshop = new Workshop();
    workshop.lane.assign(listed('abc'));
    await workshop.end(false);
    await workshop.end(true);
    expect(workshop.begun).toEqual(['a', 'b', 'c']);
    await workshop.restIsOver();
    await workshop.end(true);
    expect(workshop.begun).toEqual(['a', 'b', 'c', 'a']);
    await workshop.end(true);
    workshop.lane.asking();
    expect(workshop.lane.assign(listed('a'))).toBe(false);
    expect(workshop.begun.at(-1)).toBe('a');
  });

  it('tells what is withdrawn, and begins the next when that has ended; the same again is another run', async () => {
    const workshop = new Workshop();
    workshop.lane.assign(listed('ab'));
    const { withdrawn } = workshop.current!;
    workshop.lane.assign(listed('b'));
    expect(withdrawn.aborted).toBe(true);
    workshop.lane.assign(listed('ab'));
    expect(workshop.begun).toEqual(['a']);
    await workshop.end(false);
    await workshop.end(true);
    expect(workshop.begun).toEqual(['a', 'b', 'a']);
    expect(workshop.current!.withdrawn.aborted).toBe(false);
  });

  it('begins nothing after the end, and is idle when the last thing has ended', async () => {
    const workshop = new Workshop();
    workshop.lane.assign(listed('ab'));
    workshop.stopping.abort();
    const idle = workshop.lane.idle().then(() => workshop.begun.length);
    await workshop.end(true);
    expect(await idle).toBe(1);
  });

  /**
   * A coordinator that may open a job, withdraw it, and take its answer; a question on its way that sees the list of any moment
   * between asking and answering; jobs that end well or badly in any order of these.
   */
  const event = fc.oneof(
    fc.record({ kind: fc.constantFrom('open', 'withdraw'), id: fc.constantFrom('a', 'b', 'c', 'd') }),
    fc.record({ kind: fc.constantFrom('ask', 'see', 'hear', 'answer', 'fail', 'rested'), id: fc.constant('') }),
  );

  it('forgets nothing that is assigned and repeats nothing that is answered, whatever the order of events', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 60, size: 'max' }), async (events) => {
        const workshop = new Workshop();
        const { lane } = workshop;
        const open = new Set<string>();
        const answered = new Set<string>();
        const repeated: string[] = [];
        workshop.onBegin = (id) => void (answered.has(id) && repeated.push(id));
        let seen: readonly string[] | undefined;
        let isStale = true;
        const happens = async (kind: string, id = ''): Promise<void> => {
          if (kind === 'open' && !open.has(id)) {
            open.add(id);
            answered.delete(id);
          } else if (kind === 'withdraw') open.delete(id);
          else if (kind === 'ask' && !seen) {
            lane.asking();
            seen = [...open];
          } else if (kind === 'see' && seen) seen = [...open];
          else if (kind === 'hear' && seen) {
            isStale = lane.assign(listed(seen));
            seen = undefined;
          } else if (kind === 'answer' && workshop.current) {
            const { id: done } = workshop.current;
            if (open.delete(done)) answered.add(done);
            await workshop.end(true);
          } else if (kind === 'fail') await workshop.end(false);
          else if (kind === 'rested') await workshop.restIsOver();
        };
        for (const { kind, id } of events) await happens(kind, id);
        // From here on nothing changes but by answers: one list that is not stale is enough for everything that is open.
        for (const kind of ['hear', 'ask', 'see', 'hear']) await happens(kind);
        expect(isStale).toBe(false);
        await happens('fail');
        for (let jobs = 0; jobs < 6; jobs++) for (const kind of ['rested', 'answer']) await happens(kind);
        expect([...open]).toEqual([]);
        expect([...repeated, ...workshop.overlapped]).toEqual([]);
        expect(workshop.current).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });
});
