import { existsSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { importedModules } from './imported-modules.mjs';

/**
 * Import circles of one package: between its files, and between the folders below `src` (a file right in `src` stands for itself).
 * Whoever is in a circle cannot be read, tested or moved without the others.
 * @param {string} folder absolute, of the package
 * @param {readonly string[]} files relative to it, without specs
 * @returns {string[]} one sentence per circle
 */
export function findCircles(folder, files) {
  const imports = new Map(files.map((file) => [file, relativeImports(folder, file)]));
  const betweenFolders = contract(imports, unitOf);
  return [...circles(imports), ...circles(betweenFolders)].map(
    (circle) => `${closed(circle).join(' → ')}: import circle`,
  );
}

/** @param {string} folder @param {string} file @returns {Set<string>} */
function relativeImports(folder, file) {
  const targets = importedModules(join(folder, file))
    .filter((specifier) => specifier.startsWith('.'))
    .map((specifier) => sourceOf(folder, normalize(join(file, '..', specifier))));
  return new Set(targets.filter((target) => target !== undefined));
}

/** The file behind a specifier, which names what it is compiled to. @param {string} folder @param {string} path */
function sourceOf(folder, path) {
  return [path, path.replace(/\.js$/, '.ts'), path.replace(/\.jsx?$/, '.tsx')].find((name) =>
    existsSync(join(folder, name)),
  );
}

/** `src/a/b/c.ts` → `src/a`; `src/c.ts` → itself. @param {string} file */
const unitOf = (file) => (file.split('/').length > 2 ? file.split('/').slice(0, 2).join('/') : file);

/** @param {ReadonlyMap<string, ReadonlySet<string>>} graph @param {(node: string) => string} unit @returns {Map<string, Set<string>>} */
function contract(graph, unit) {
  /** @type {Map<string, Set<string>>} */
  const contracted = new Map();
  for (const [from, targets] of graph) {
    const known = contracted.get(unit(from)) ?? new Set();
    for (const target of targets) if (unit(target) !== unit(from)) known.add(unit(target));
    contracted.set(unit(from), known);
  }
  return contracted;
}

/**
 * A circle through each node that is in one and in none told before, by depth-first search.
 * @param {ReadonlyMap<string, ReadonlySet<string>>} graph @returns {string[][]}
 */
function circles(graph) {
  /** @type {string[][]} */
  const found = [];
  /** @type {Set<string>} */
  const done = new Set();
  /** @param {string} node @param {string[]} path */
  const visit = (node, path) => {
    const place = path.indexOf(node);
    if (place >= 0) found.push(path.slice(place));
    if (place >= 0 || done.has(node)) return;
    for (const target of graph.get(node) ?? []) visit(target, [...path, node]);
    done.add(node);
  };
  for (const node of graph.keys()) visit(node, []);
  return found;
}

/** The circle from its first name in the alphabet to itself. @param {string[]} circle */
function closed(circle) {
  const start = circle.indexOf(circle.toSorted()[0] ?? '');
  return [...circle.slice(start), ...circle.slice(0, start + 1)];
}
