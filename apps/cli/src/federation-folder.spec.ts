import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { currentFederation, useFederation } from './federation-folder.js';

const KEY = 'a1b2c3d4e5f6'.repeat(4);

describe('the folder of a federation', () => {
  it('is the same for the same key, another for another, and the last used is current', () => {
    using dir = tempDir();
    const first = useFederation(dir.path, 'heart-disease', KEY);
    expect(first).toBe(join(dir.path, 'heart-disease-a1b2c3d4e5f6'));
    const second = useFederation(dir.path, 'heart-disease', KEY.toUpperCase());
    expect(currentFederation(dir.path)).toBe(second);
    expect(useFederation(dir.path, 'heart-disease', KEY)).toBe(first);
    expect(currentFederation(dir.path)).toBe(first);
  });

  it('lets the database’s account pass and nobody look', () => {
    using dir = tempDir();
    expect(statSync(useFederation(dir.path, 'x', KEY)).mode & 0o777).toBe(0o711);
    expect(statSync(join(dir.path, 'current.json')).mode & 0o777).toBe(0o600);
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
