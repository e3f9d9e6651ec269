/**
 * How long files are: none above 300 lines, and half of them at most 90. What a program wrote is not counted, nor are the WASM
 * kernels, whose loops are unrolled by hand.
 */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const LONGEST = 300;
const MEDIAN = 90;
const NOT_COUNTED = ['**/node_modules', '**/dist', '**/gen', '**/generated', '**/asm'];

/**
 * @param {string} root
 * @returns {string[]} one sentence per file that is too long, and one if most are
 */
export function findLongFiles(root) {
  const files = globSync('**/*.{ts,tsx,mjs}', { cwd: root, exclude: NOT_COUNTED });
  const lengths = files
    .map((file) => ({ file, lines: readFileSync(join(root, file), 'utf8').split('\n').length - 1 }))
    .sort((a, b) => a.lines - b.lines || a.file.localeCompare(b.file));
  const found = lengths
    .filter(({ lines }) => lines > LONGEST)
    .map(({ file, lines }) => `${file}: ${lines} lines, more than ${LONGEST}: split it along its subjects`);
  const median = lengths[(lengths.length - 1) >> 1]?.lines ?? 0;
  if (median > MEDIAN) found.push(`half of the files have ${median} lines or more; no more than ${MEDIAN} is the aim`);
  return found;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const found = findLongFiles(join(import.meta.dirname, '..'));
  for (const sentence of found) process.stdout.write(`${sentence}\n`);
  process.stdout.write(`${found.length} violations of size\n`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
