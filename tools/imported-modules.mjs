import { readFileSync } from 'node:fs';
import { parseSync, Visitor } from 'vite';

/**
 * Every module a source file names: static and dynamic imports, re-exports, `import('x').T` types,
 * `require` and `resolve` calls. Computed names are not seen.
 * @param {string} file
 * @returns {string[]}
 */
export function importedModules(file) {
  const { program, errors } = parseSync(file, readFileSync(file, 'utf8'));
  const [error] = errors;
  if (error !== undefined) throw new Error(`${file}: ${error.message}`);
  /** @type {Set<string>} */
  const found = new Set();
  const add = (/** @type {{ type: string, value?: unknown } | null | undefined} */ node) => {
    if (node?.type === 'Literal' && typeof node.value === 'string') found.add(node.value);
  };
  new Visitor({
    ImportDeclaration: (node) => add(node.source),
    ExportNamedDeclaration: (node) => add(node.source),
    ExportAllDeclaration: (node) => add(node.source),
    ImportExpression: (node) => add(node.source),
    TSImportType: (node) => add(node.source),
    TSExternalModuleReference: (node) => add(node.expression),
    CallExpression: ({ callee, arguments: [first] }) => {
      const name =
        callee.type === 'Identifier'
          ? callee.name
          : callee.type === 'MemberExpression' && callee.property.type === 'Identifier'
            ? callee.property.name
            : '';
      const isPath =
        first?.type === 'Literal' && typeof first.value === 'string' && /^(@koinon\/|\.\.?\/)/.test(first.value);
      if (name === 'require' || (name === 'resolve' && isPath)) add(first);
    },
  }).visit(program);
  return [...found];
}
