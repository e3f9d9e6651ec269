import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { currentFederation, useFederation } from './federation-folder.js';
import type { FederationIdentity } from './federation-identity.js';
import { planFrom } from './up/options.js';

const { identity } = planFrom({ format: 'text' });
const other: FederationIdentity = { ...identity, seed: 7 };

describe('the folder of a federation', () => {
  it('is the same for the same federation, another for another, and the last used is current', () => {
    using dir = tempDir();
    const first = useFederation(dir.path, identity);
    const second = useFederation(dir.path, other);
    expect(second).not.toBe(first);
    expect(currentFederation(dir.path)).toBe(second);
    expect(useFederation(dir.path, identity)).toBe(first);
    expect(currentFederation(dir.path)).toBe(first);
  });

  it('is found by what it is about, whatever it and the files of the federation are called', () => {
    using dir = tempDir();
    const named = join(dir.path, 'of-another-name');
    mkdirSync(named);
    const { spec } = identity;
    writeFileSync(
      join(named, 'federation.json'),
      JSON.stringify({
        ...identity,
        spec: { ...spec, records: 'before.json', model: { ...spec.model, file: 'before.onnx' } },
      }),
    );
    expect(useFederation(dir.path, identity)).toBe(named);
    expect(useFederation(dir.path, other)).not.toBe(named);
  });

  it('of version 1 goes on being used, with its ledgers: the name that npm start gave it', () => {
    using dir = tempDir();
    // As commit ef141ce named the folders of `npm start` and of `npm start -- --seed 7 --epsilon off`.
    const ofThen = ['heart-disease-69ef84aeba17', 'heart-disease-225ffb70a588'];
    for (const name of ofThen) mkdirSync(join(dir.path, name, 'sites'), { recursive: true });
    const plans = [{}, { seed: 7, epsilon: 'off' as const }].map(
      (flags) => planFrom({ format: 'text', ...flags }).identity,
    );
    for (const [n, name] of ofThen.entries()) {
      const folder = useFederation(dir.path, plans[n]!);
      expect(folder).toBe(join(dir.path, name));
      expect(existsSync(join(folder, 'sites'))).toBe(true);
      expect(JSON.parse(readFileSync(join(folder, 'federation.json'), 'utf8'))).toMatchObject({ seed: plans[n]!.seed });
      expect(useFederation(dir.path, plans[n]!)).toBe(folder);
    }
  });

  it('is the same on another disk, behind a link', () => {
    using dir = tempDir();
    const name = 'heart-disease-69ef84aeba17';
    mkdirSync(join(dir.path, 'disk', name), { recursive: true });
    const home = join(dir.path, 'home');
    mkdirSync(home);
    symlinkSync(join(dir.path, 'disk', name), join(home, name));
    expect(useFederation(home, identity)).toBe(join(home, name));
  });

  it('is never made beside one that does not say what it is about: its ledgers may be this federation’s', () => {
    using dir = tempDir();
    const folder = useFederation(dir.path, other);
    for (const content of ['', '{', '{"spec":{}}']) {
      writeFileSync(join(folder, 'federation.json'), content);
      expect(() => useFederation(dir.path, identity)).toThrow(
        expect.objectContaining({
          code: 'CONFIG_INVALID',
          detail: expect.stringMatching(/federation\.json is damaged/),
        }),
      );
    }
  });

  it('lets the database’s account pass and nobody look', () => {
    using dir = tempDir();
    const folder = useFederation(dir.path, identity);
    expect(statSync(folder).mode & 0o777).toBe(0o711);
    for (const file of [join(dir.path, 'current.json'), join(folder, 'federation.json')])
      expect(statSync(file).mode & 0o777).toBe(0o600);
  });

  it('is not known before the first start or when the note is spoilt', () => {
    using dir = tempDir();
    expect(currentFederation(dir.path)).toBeUndefined();
    for (const content of ['', 'null', '{"folder":3}']) {
      writeFileSync(join(dir.path, 'current.json'), content);
      expect(currentFederation(dir.path)).toBeUndefined();
    }
  });
});
