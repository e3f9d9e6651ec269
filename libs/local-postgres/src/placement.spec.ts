import { describe, expect, it } from 'vitest';
import { canEnter, type FolderMode, place } from './placement.js';

const POSTGRES = { uid: 101, gid: 104 };
const rootOwned = (mode: number): FolderMode => ({ uid: 0, gid: 0, mode });
const tree =
  (folders: Record<string, FolderMode>) =>
  (path: string): FolderMode | undefined =>
    folders[path];

describe('canEnter', () => {
  const above = { '/': rootOwned(0o755), '/home': rootOwned(0o755) };

  it.each([
    ['others may search', rootOwned(0o711), true],
    ['nobody but root', rootOwned(0o700), false],
    ['others may read but not search', rootOwned(0o754), false],
    ['the account owns it', { ...POSTGRES, mode: 0o700 }, true],
    ['its group may search', { uid: 0, gid: POSTGRES.gid, mode: 0o710 }, true],
    ['its group may not, though others may', { uid: 0, gid: POSTGRES.gid, mode: 0o701 }, false],
  ])('%s', (_, folder, expected) => {
    expect(canEnter(POSTGRES, '/home/a/data', tree({ ...above, '/home/a': folder }))).toBe(expected);
  });

  it('looks at every folder above', () => {
    const look = tree({ '/': rootOwned(0o755), '/root': rootOwned(0o700), '/root/a': rootOwned(0o755) });
    expect(canEnter(POSTGRES, '/root/a/b', look)).toBe(false);
  });
});

describe('place', () => {
  const request = {
    dataDir: '/root/koinon/data',
    binariesDir: '/root/koinon/native',
    version: '18.4',
    systemDir: '/var/lib/koinon',
  };
  const closed = tree({ '/': rootOwned(0o755), '/root': rootOwned(0o700) });

  it('keeps everything in place for an ordinary user, whatever the modes say', () => {
    expect(place(request, undefined, closed)).toEqual({
      dataDir: request.dataDir,
      binariesDir: request.binariesDir,
      dataRelocated: false,
      binariesRelocated: false,
    });
  });

  it('moves both below the system folder when root works below a 0700 folder', () => {
    const placement = place(request, POSTGRES, closed);
    expect(placement).toMatchObject({
      binariesDir: '/var/lib/koinon/binaries-18.4',
      dataRelocated: true,
      binariesRelocated: true,
    });
    expect(placement.dataDir).toMatch(/^\/var\/lib\/koinon\/[0-9a-f]{16}\/data$/);
  });

  it('gives two data directories two places', () => {
    const other = place({ ...request, dataDir: '/root/other/data' }, POSTGRES, closed);
    expect(other.dataDir).not.toBe(place(request, POSTGRES, closed).dataDir);
  });

  it('moves only what cannot be reached', () => {
    const placement = place({ ...request, dataDir: '/srv/data' }, POSTGRES, closed);
    expect(placement).toMatchObject({ dataDir: '/srv/data', dataRelocated: false, binariesRelocated: true });
  });
});
