/**
 * What nobody uses: error codes that nothing raises, and values that a package exports and no other imports. A code is a promise to
 * whoever handles it, an export to whoever calls it.
 */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Visitor, parseSync } from 'vite';

const TEST_CODE = /\.(spec|suite|contract|fixture)\.tsx?$|(^|\/)testing\//;
/** The route table says which codes a caller has to expect; it raises none. */
const ROUTE_TABLE = /^libs\/contracts\/src\/routes\//;
const NOT_OURS = ['**/node_modules', '**/dist', '**/generated', '**/asm'];

/** A list of codes: the members of a type `…ErrorCode`, or the keys of the catalogue. */
const CODE_LISTS = /type \w*ErrorCode =[^;]*;|const (?:catalogue|statusOf) = \{[^]*?\n\} as const/g;
/** Only what stands before its colon is a key, or alone between bars. */
const MEMBER = /(?<=^ {2})[A-Z][A-Z0-9_]+(?=:)|(?<=')[A-Z][A-Z0-9_]+(?=')/gm;
const RAISED = /(?<=')[A-Z][A-Z0-9_]+(?=')/g;
const ENDING = /(?<=\})_[A-Z0-9_]+(?=`)/g;

/**
 * @param {string} root
 * @returns {string[]} one sentence per unused code or export
 */
export function findUnused(root) {
  const files = globSync('{apps,libs,models,benchmarks,e2e,tools}/**/*.{ts,tsx,mjs}', { cwd: root, exclude: NOT_OURS });
  const sources = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8')]));
  return [...unraisedCodes(sources), ...unusedExports(root, sources)].sort();
}

/** @param {ReadonlyMap<string, string>} sources @returns {string[]} */
function unraisedCodes(sources) {
  const shipped = [...sources].filter(([file]) => !TEST_CODE.test(file) && !ROUTE_TABLE.test(file));
  const lists = shipped.map(([file, text]) => ({
    file,
    codes: (text.match(CODE_LISTS) ?? []).flatMap((list) => list.match(MEMBER) ?? []),
  }));
  const raised = new Set(shipped.flatMap(([, text]) => text.replace(CODE_LISTS, '').match(RAISED) ?? []));
  const endings = new Set(shipped.flatMap(([, text]) => text.match(ENDING) ?? []));
  // A code may be put together from what was done and what went wrong: `${task}_TIMED_OUT`, `${task}_${'CRASHED'}`.
  const isRaised = (/** @type {string} */ code) =>
    raised.has(code) || raised.has(code.slice(code.indexOf('_') + 1)) || endings.has(code.slice(code.indexOf('_')));
  return lists.flatMap(({ file, codes }) =>
    codes.filter((code) => !isRaised(code)).map((code) => `${file}: nothing raises ${code}`),
  );
}

/** @param {string} root @param {ReadonlyMap<string, string>} sources @returns {string[]} */
function unusedExports(root, sources) {
  const imported = [...sources].flatMap(([file, text]) => importsOf(file, text));
  return globSync('{apps,libs,models}/*/package.json', { cwd: root }).flatMap((manifest) => {
    const folder = dirname(manifest);
    /** @type {{ name: string, exports?: { '.'?: { default: string } } }} */
    const { name, exports } = JSON.parse(readFileSync(join(root, manifest), 'utf8'));
    if (exports?.['.'] === undefined) return [];
    const index = `${folder}/${exports['.'].default.replace('./dist/', 'src/').replace(/\.js$/, '.ts')}`;
    const users = imported.filter(
      ({ file, from }) => (from === name || from === index) && !file.startsWith(`${dirname(index)}/`),
    );
    const used = new Set(users.map((entry) => entry.name));
    return namedExports(sources, index)
      .filter((value) => !used.has(value))
      .map((value) => `${index}: nobody imports ${value}`);
  });
}

/** @param {string} file @param {string} text @returns {{ file: string, from: string, name: string }[]} */
function importsOf(file, text) {
  if (!/@koinon\/|\/index\.js/.test(text)) return [];
  /** @param {string} from the package, or the source file that a relative specifier stands for */
  const targetOf = (from) => (from.startsWith('.') ? normalize(join(file, '..', from)).replace(/\.js$/, '.ts') : from);
  /** @type {{ file: string, from: string, name: string }[]} */
  const found = [];
  new Visitor({
    ImportDeclaration: (node) => {
      for (const part of node.specifiers)
        if (part.type === 'ImportSpecifier')
          found.push({ file, from: targetOf(node.source.value), name: nameOf(part.imported) });
    },
    ExportNamedDeclaration: (node) => {
      for (const part of node.specifiers)
        if (node.source) found.push({ file, from: targetOf(node.source.value), name: nameOf(part.local) });
    },
  }).visit(parseSync(file, text).program);
  return found;
}

/**
 * Values that an index hands on by their names. Types only name what values take and give, and `export *` hands on a file whose
 * parts need each other.
 * @param {ReadonlyMap<string, string>} sources @param {string} index @returns {string[]}
 */
function namedExports(sources, index) {
  const { body } = parseSync(index, sources.get(normalize(index)) ?? '').program;
  return body.flatMap((node) =>
    node.type === 'ExportNamedDeclaration' && node.exportKind !== 'type'
      ? node.specifiers.filter(({ exportKind }) => exportKind !== 'type').map(({ exported }) => nameOf(exported))
      : [],
  );
}

/** @param {{ type: string, name?: string, value?: unknown }} node */
const nameOf = (node) => String(node.name ?? node.value);

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const unused = findUnused(join(import.meta.dirname, '..'));
  for (const sentence of unused) process.stdout.write(`${sentence}\n`);
  process.stdout.write(`${unused.length} unused codes and exports\n`);
  process.exitCode = unused.length === 0 ? 0 : 1;
}
