/**
 * The names that docs/glossary.md and docs/conventions.md rule out, where that can be decided exactly: two files of a folder whose
 * names differ by dots, hyphens and case alone, two exported classes of one name, exported names with a word that says something
 * else, `#private` members, constants in another case.
 */
import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Visitor, parseSync } from 'vite';

const SOURCES = '{apps,libs,models,benchmarks,e2e,tools,infra}/**/*.{ts,tsx,mts,mjs}';
const NOT_OURS = ['**/node_modules', '**/dist', '**/generated', '**/gen', '**/asm'];

/**
 * What an exported name must not say, as its words in lower case with a space around each, and what to say instead.
 * @type {readonly { not: RegExp, say: string, except?: RegExp }[]}
 */
const WORDS = [
  // A recipe of central training does pass over its data.
  { not: /(?<! key) epochs? /, say: 'key epoch', except: /^models\// },
  {
    not: /(?<! key| additive| decryption| dealt) shares? /,
    say: 'key share, public-key share, additive share, decryption share',
  },
  {
    not: /^ open (?!api)/,
    say: 'create, connect, load, restore, unseal, verify or decrypt; openings are of Merkle trees',
  },
  { not: / closings? /, say: 'freeze the uploads, or aggregation commitment' },
  { not: / active set /, say: 'decryptors' },
  { not: / key id | identity fingerprint /, say: 'key fingerprint' },
  { not: / participants? /, say: 'cohort, uploaders or decryptors' },
  { not: / (sum|site) scheme /, say: 'aggregator, or site protocol' },
];

/**
 * @param {string} root
 * @returns {string[]} one sentence per name
 */
export function findNames(root) {
  const files = globSync(SOURCES, { cwd: root, exclude: NOT_OURS }).sort();
  const modules = files.map((file) => ({ file, ...namesIn(file, readFileSync(join(root, file), 'utf8')) }));
  return [...likeFiles(files), ...likeClasses(modules), ...modules.flatMap(({ found }) => found)];
}

/** @param {readonly string[]} files @returns {string[]} */
function likeFiles(files) {
  const groups = Map.groupBy(files, (file) => join(dirname(file), basename(file).replace(/[.-]/g, '').toLowerCase()));
  return [...groups.values()]
    .filter((group) => group.length > 1)
    .map((group) => `${group.join(' and ')}: differ by dots, hyphens and case alone`);
}

/** @param {readonly { file: string, classes: readonly string[] }[]} modules @returns {string[]} */
function likeClasses(modules) {
  const all = modules.flatMap(({ file, classes }) => classes.map((name) => ({ file, name })));
  return [...Map.groupBy(all, ({ name }) => name)]
    .filter(([, group]) => group.length > 1)
    .map(([name, group]) => `${group.map(({ file }) => file).join(' and ')}: two exported classes ${name}`);
}

/** @param {string} file @param {string} text @returns {{ classes: string[], found: string[] }} */
function namesIn(file, text) {
  const { program, errors } = parseSync(file, text);
  if (errors[0] !== undefined) throw new Error(`${file}: ${errors[0].message}`);
  /** @type {string[]} */
  const classes = [];
  /** @type {Set<string>} */
  const found = new Set();
  for (const statement of program.body) {
    const isExport = statement.type === 'ExportNamedDeclaration';
    const declaration = isExport ? statement.declaration : statement;
    if (declaration?.type === 'VariableDeclaration' && declaration.kind === 'const') {
      for (const { id, init } of declaration.declarations) {
        if (id.type === 'Identifier' && isWrittenOut(init) && !/^[A-Z][A-Z0-9_]*$/.test(id.name))
          found.add(`${file}: ${id.name} is written out in the source: a constant has upper case`);
      }
    }
    if (!isExport) continue;
    for (const name of exportedNames(statement)) {
      const words = ` ${name
        .replace(/([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])/g, '$1$3 $2$4')
        .replaceAll('_', ' ')
        .toLowerCase()} `;
      const isAdjective = /^[A-Z]/.test(name) && words.startsWith(' open ');
      for (const { not, say, except } of WORDS)
        if (not.test(words) && !except?.test(file) && !isAdjective) found.add(`${file}: exports ${name}: say ${say}`);
    }
    if (declaration?.type === 'ClassDeclaration' && declaration.id) classes.push(declaration.id.name);
  }
  new Visitor({
    PrivateIdentifier: ({ name }) => void found.add(`${file}: #${name} is private by another word than all others`),
  }).visit(program);
  return { classes, found: [...found] };
}

/** What a module gives a name itself; what it hands on has it from elsewhere. @param {import('vite').ESTree.ExportNamedDeclaration} statement @returns {string[]} */
function exportedNames({ declaration }) {
  if (!declaration) return [];
  if (declaration.type === 'VariableDeclaration')
    return declaration.declarations.flatMap(({ id }) => (id.type === 'Identifier' ? [id.name] : []));
  return 'id' in declaration && declaration.id?.type === 'Identifier' ? [declaration.id.name] : [];
}

/** A number, text or expression whose value stands in the source. @param {import('vite').ESTree.Expression | null | undefined} node @returns {boolean} */
function isWrittenOut(node) {
  switch (node?.type) {
    case 'Literal':
      return node.value !== null && typeof node.value !== 'boolean';
    case 'TemplateLiteral':
      return node.expressions.length === 0;
    case 'UnaryExpression':
      return isWrittenOut(node.argument);
    case 'BinaryExpression':
      return node.left.type !== 'PrivateIdentifier' && isWrittenOut(node.left) && isWrittenOut(node.right);
    case 'TSAsExpression':
      return isWrittenOut(node.expression);
    default:
      return false;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const found = findNames(join(import.meta.dirname, '..'));
  for (const name of found) process.stdout.write(`${name}\n`);
  process.stdout.write(`${found.length} names against the glossary and the conventions\n`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
