/** Where Koinon runs. Plain JavaScript that imports nothing: the bootstrap asks it before anything is installed or built. */

/** Tested with every change. */
const SUPPORTED = ['linux x64', 'linux arm64'];
/** Has all the packages and is tested by whoever uses it. */
const BEST_EFFORT = ['darwin x64', 'darwin arm64'];

/**
 * @param {string} platform as in `process.platform` @param {string} arch as in `process.arch`
 * @returns {string | null} why Koinon does not start here and what to do; null where it does
 */
export function platformRefusal(platform, arch) {
  if ([...SUPPORTED, ...BEST_EFFORT].includes(`${platform} ${arch}`)) return null;
  if (platform === 'win32')
    return 'Koinon does not run on Windows itself: install WSL 2 (wsl --install, learn.microsoft.com/windows/wsl) and start it in that Linux';
  return `Koinon does not run on ${platform} ${arch}: it is tested on Linux (x64 and arm64) and made to run on macOS`;
}
