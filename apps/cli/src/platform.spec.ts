import { describe, expect, it } from 'vitest';
import { platformRefusal } from './platform.mjs';

describe('a platform', () => {
  it.each([
    ['linux', 'x64'],
    ['linux', 'arm64'],
    ['darwin', 'arm64'],
    ['darwin', 'x64'],
  ])('is taken: %s %s', (platform, arch) => {
    expect(platformRefusal(platform, arch)).toBeNull();
  });

  it.each([['x64'], ['arm64'], ['ia32']])('is refused by name with the way out: win32 %s', (arch) => {
    expect(platformRefusal('win32', arch)).toMatch(/^Koinon does not run on Windows itself: install WSL 2 /);
  });

  it.each([
    ['linux', 'ia32'],
    ['linux', 'riscv64'],
    ['linux', 'arm'],
    ['freebsd', 'x64'],
    ['aix', 'ppc64'],
    ['', ''],
  ])('is refused by name with what is tested: %s %s', (platform, arch) => {
    expect(platformRefusal(platform, arch)).toBe(
      `Koinon does not run on ${platform} ${arch}: it is tested on Linux (x64 and arm64) and made to run on macOS`,
    );
  });
});
