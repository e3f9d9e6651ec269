import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { importedModules } from './imported-modules.mjs';

/** Packages whose folders below `src` are modules with a table of their own. */
export const MODULAR = ['apps/coordinator'];

/**
 * The walls between the modules of one package, from the section "Modules of `<folder>`" of docs/architecture.md and its table
 * `| module | what it is | may import |`. A row may name rows above it alone, so that no circle can be written down. Files
 * right in `src` put the modules together: they import them all, and no module imports them.
 * @param {string} root
 * @param {string} folder of the package
 * @param {readonly string[]} files shipped ones, relative to it
 * @returns {string[]} one sentence per violation
 */
export function moduleViolations(root, folder, files) {
  const rows = moduleTable(readFileSync(join(root, 'docs', 'architecture.md'), 'utf8'), folder);
  const modules = new Set(files.map(moduleOf).filter((name) => name !== null));
  const found = [...rows.keys()]
    .filter((name) => !modules.has(name))
    .map((name) => `${folder}: the table in docs/architecture.md has a row ${name}, which is no folder`);
  found.push(
    ...[...modules]
      .filter((name) => !rows.has(name))
      .map((name) => `${folder}/src/${name}: has no row in the table of docs/architecture.md`),
  );
  const above = new Set();
  for (const [name, imports] of rows) {
    for (const other of imports)
      if (!above.has(other)) found.push(`docs/architecture.md: ${name} imports ${other}, which is no row above it`);
    above.add(name);
  }
  for (const file of files) {
    const from = moduleOf(file);
    const mayImport = rows.get(from ?? '');
    if (!mayImport) continue;
    for (const specifier of importedModules(join(root, folder, file)).filter((name) => name.startsWith('.'))) {
      const to = moduleOf(join(file, '..', specifier));
      if (to === from || (to !== null && mayImport.has(to))) continue;
      found.push(
        `${folder}/${file}: "${specifier}" goes against docs/architecture.md: ${from} must not use ${to ?? 'what puts the modules together'}`,
      );
    }
  }
  return found;
}

/** `src/a/b/c.ts` → `a`; `src/c.ts` → null. @param {string} file */
const moduleOf = (file) => (file.split('/').length > 2 ? (file.split('/')[1] ?? null) : null);

/** @param {string} markdown @param {string} folder @returns {Map<string, Set<string>>} in the order of the rows */
function moduleTable(markdown, folder) {
  const [, section = ''] = markdown.split(`\n## Modules of \`${folder}\`\n`);
  const [table = ''] = section.split(/^## /m);
  const rows = table.matchAll(/^\| `([^`]+)` \|[^|]*\| *([^|]*?) *\|$/gm);
  return new Map(
    [...rows].map(([, name = '', imports = '']) => [name, new Set(imports === '–' ? [] : imports.split(/, */))]),
  );
}
