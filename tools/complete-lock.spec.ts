import { describe, expect, it } from 'vitest';
import { missingEntries } from './complete-lock.mjs';

describe('missingEntries', () => {
  const lock = {
    packages: {
      '': {},
      'node_modules/tool': {
        dev: true,
        optionalDependencies: {
          '@tool/linux-x64-gnu': '1.2.3',
          '@tool/linux-arm64-musl': '1.2.3',
          '@tool/darwin-arm64': '^1.2.3',
          '@tool/win32-x64': '1.2.3',
        },
      },
      'node_modules/@tool/linux-x64-gnu': { version: '1.2.3' },
      'node_modules/outer': {},
      'node_modules/outer/node_modules/deep': {
        optionalDependencies: { 'native-arm': '~2.0.0', sibling: '1.0.0', 'top-wasm32-wasi': '3.0.0' },
      },
      'node_modules/outer/node_modules/sibling': { version: '1.0.0' },
      'node_modules/top-wasm32-wasi': { version: '3.0.0' },
    },
  };

  it('names the platform of each missing package and leaves the visible ones alone', () => {
    expect(missingEntries(lock)).toEqual({
      'node_modules/@tool/linux-arm64-musl': {
        version: '1.2.3',
        cpu: ['arm64'],
        dev: true,
        libc: ['musl'],
        optional: true,
        os: ['linux'],
      },
      'node_modules/@tool/darwin-arm64': {
        version: '1.2.3',
        cpu: ['arm64'],
        dev: true,
        optional: true,
        os: ['darwin'],
      },
      'node_modules/@tool/win32-x64': { version: '1.2.3', cpu: ['x64'], dev: true, optional: true, os: ['win32'] },
      'node_modules/native-arm': { version: '2.0.0', cpu: ['arm'], optional: true },
    });
  });

  it('finds nothing in what it completed', () => {
    expect(missingEntries({ packages: { ...lock.packages, ...missingEntries(lock) } })).toEqual({});
  });
});
