/**
 * The walls between packages. Fails when a package
 *   - imports what its own package.json does not list (specs and configuration files may use devDependencies),
 *   - imports another workspace package past its root, or with a relative path,
 *   - imports a workspace package against the table "Packages" of docs/architecture.md,
 *   - uses a package, or the part `/testing` of one, that exists for specs only outside a spec,
 *   - imports a library around the package that wraps it,
 *   - writes a path of the coordinator's API that belongs to the route table,
 *   - imports in a circle, between its files or between its folders,
 *   - has modules, and one of them imports another against their table in docs/architecture.md.
 */
import { globSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { allowedImports } from './architecture-table.mjs';
import { findCircles } from './import-circles.mjs';
import { importedModules } from './imported-modules.mjs';
import { MODULAR, moduleViolations } from './module-walls.mjs';

/** Workspace packages that only specs may use. */
const SPEC_ONLY = new Set(['libs/testing']);

/** Where the paths of the coordinator's API are written; everybody else takes a route from there. */
const ROUTE_TABLE = /^libs\/contracts\/src\/routes\//;
const API_PATH = /['"`]\/v1\//;

/** Libraries that one package alone may import, specs included. */
const WRAPPED = new Map([
  ['onnxruntime-node', 'libs/onnx-runtime'],
  ['onnxruntime-common', 'libs/onnx-runtime'],
]);

/** Specs, suites that several specs share, and their helpers in a folder `testing`. */
const TEST_CODE = /\.(spec|suite|contract)\.tsx?$|(^|\/)testing\//;

/** `asm` holds AssemblyScript, which is no TypeScript and imports nothing. */
const NOT_OURS = ['**/node_modules', '**/dist', '**/generated', '**/asm'];

/**
 * @typedef {{ name: string, workspaces?: string[], dependencies?: Record<string, string>, devDependencies?: Record<string, string>, optionalDependencies?: Record<string, string>, peerDependencies?: Record<string, string> }} Manifest
 * @typedef {{ folder: string, manifest: Manifest }} Package
 */

/**
 * All violations below a workspace root, one sentence each.
 * @param {string} root
 * @returns {string[]}
 */
export function findViolations(root) {
  const rootManifest = readManifest(root);
  const folders = globSync(
    (rootManifest.workspaces ?? []).map((pattern) => `${pattern}/package.json`),
    { cwd: root },
  );
  const packages = folders.map((file) => ({
    folder: join(file, '..'),
    manifest: readManifest(join(root, file, '..')),
  }));
  const allowed = allowedImports(
    readFileSync(join(root, 'docs', 'architecture.md'), 'utf8'),
    packages.map(({ folder }) => folder),
  );
  const byName = new Map(packages.map((item) => [item.manifest.name, item]));
  return packages.flatMap((item) => packageViolations(root, item, { byName, allowed, rootManifest }));
}

/**
 * @param {string} root
 * @param {Package} item
 * @param {{ byName: Map<string, Package>, allowed: Map<string, Set<string>>, rootManifest: Manifest }} workspace
 */
function packageViolations(root, item, { byName, allowed, rootManifest }) {
  const { folder, manifest } = item;
  const mayImport = allowed.get(folder);
  if (mayImport === undefined) return [`${folder}: has no row in the table of docs/architecture.md`];
  const shipped = new Set(
    Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies }),
  );
  const forTests = new Set([
    ...shipped,
    ...Object.keys({ ...manifest.devDependencies, ...rootManifest.devDependencies }),
  ]);
  const files = globSync('**/*.{ts,tsx,mts,js,mjs}', { cwd: join(root, folder), exclude: NOT_OURS });

  /** @type {string[]} */
  const found = [];
  for (const file of files) {
    const isTest = TEST_CODE.test(file) || !file.startsWith('src') || SPEC_ONLY.has(folder);
    const mayWritePaths = isTest || ROUTE_TABLE.test(`${folder}/${file}`);
    if (!mayWritePaths && API_PATH.test(readFileSync(join(root, folder, file), 'utf8')))
      found.push(`${folder}/${file}: writes a path of the API: take its route from the table`);
    for (const specifier of importedModules(join(root, folder, file))) {
      const say = (/** @type {string} */ what) => found.push(`${folder}/${file}: "${specifier}" ${what}`);
      if (specifier.startsWith('.')) {
        if (relative('.', join(file, '..', specifier)).startsWith('..'))
          say('leaves the package: import the other package by its name');
        continue;
      }
      if (isBuiltin(specifier) || specifier.startsWith('virtual:')) continue;
      const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
      if (name === manifest.name) say('is this package itself: import relatively');
      else if (!(isTest ? forTests : shipped).has(name))
        say(`is not listed in ${folder}/package.json${forTests.has(name) ? ' under dependencies' : ''}`);
      const wrapper = WRAPPED.get(name) ?? folder;
      if (wrapper !== folder) say(`is imported by ${wrapper} alone: import that package`);
      const target = byName.get(name);
      if (target === undefined || target === item) continue;
      const isShared = specifier === `${name}/testing`;
      if (isShared && !isTest) say('holds helpers of specs');
      if (specifier !== name && !isShared) say('goes past the package root: import from its index');
      if (SPEC_ONLY.has(target.folder) ? !isTest : !mayImport.has(target.folder))
        say(`goes against docs/architecture.md: ${folder} must not use ${target.folder}`);
    }
  }
  const shippedFiles = files.filter((file) => file.startsWith('src') && !TEST_CODE.test(file));
  found.push(...findCircles(join(root, folder), shippedFiles).map((circle) => `${folder}/${circle}`));
  return MODULAR.includes(folder) ? [...found, ...moduleViolations(root, folder, shippedFiles)] : found;
}

/** @param {string} folder @returns {Manifest} */
function readManifest(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const violations = findViolations(join(import.meta.dirname, '..'));
  for (const violation of violations) process.stdout.write(`${violation}\n`);
  process.stdout.write(`${violations.length} boundary violations\n`);
  process.exitCode = violations.length === 0 ? 0 : 1;
}
