import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MadeControl } from '@koinon/secure-tasks';
import { tempDir, type TempDir } from '@koinon/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlStore } from './control-store.js';

const run = randomUUID();
const lost = expect.objectContaining({ code: 'SITE_STATE_LOST' });
const made = (round: number): MadeControl => ({
  round,
  control: Float64Array.of(round / 3, -1e-9, 7),
});

describe('the control variates of a site', () => {
  let dir: TempDir;
  const store = (): ControlStore => new ControlStore(join(dir.path, 'controls'));
  beforeEach(() => void (dir = tempDir()));
  afterEach(() => dir[Symbol.dispose]());

  it('are zero until an answer counted, and then what that answer made of them, also after a restart', () => {
    expect(store().after(run, null)).toBeNull();
    store().keep(run, null, made(1));
    expect(store().after(run, null)).toBeNull();
    expect(store().after(run, 1)).toEqual(made(1).control);
  });

  it('are known for either outcome of the last round: it counted, or it did not', () => {
    store().keep(run, null, made(1));
    store().keep(run, 1, made(4));
    expect([store().after(run, 1), store().after(run, 4)]).toEqual([made(1).control, made(4).control]);
    store().keep(run, 4, made(5));
    expect(readdirSync(join(dir.path, 'controls', run)).toSorted()).toEqual(['4', '5']);
  });

  it('of a round whose training is repeated are those of the last one', () => {
    store().keep(run, null, made(2));
    store().keep(run, null, { ...made(2), control: Float64Array.of(9, 9, 9) });
    expect(store().after(run, 2)).toEqual(Float64Array.of(9, 9, 9));
  });

  it('that are gone, of another round or damaged are not made up', () => {
    store().keep(run, null, made(1));
    expect(() => store().after(run, 2)).toThrow(lost);
    expect(() => store().after(randomUUID(), 1)).toThrow(lost);
    const file = join(dir.path, 'controls', run, '1');
    const bytes = readFileSync(file);
    for (const damaged of [bytes.subarray(0, 10), bytes.subarray(0, -1), Buffer.from(bytes).fill(1, 40, 41)]) {
      writeFileSync(file, damaged);
      expect(() => store().after(run, 1)).toThrow(lost);
    }
  });

  it('are wiped with their run, and of all runs but the last few', () => {
    const runs = Array.from({ length: 6 }, () => randomUUID());
    for (const id of runs) store().keep(id, null, made(1));
    store().keepOnly(runs.slice(1));
    expect(readdirSync(join(dir.path, 'controls'))).toHaveLength(4);
    expect(existsSync(join(dir.path, 'controls', runs[0]!))).toBe(false);
    store().keepOnly([]);
    expect(readdirSync(join(dir.path, 'controls'))).toEqual([]);
  });
});
