/** Packages that nothing may import and that may use everything. */
const ENDS = ['benchmarks', 'e2e'];

/**
 * Reads which package may import which from the section "Packages" and its table `| package | what it is | imports |`.
 * In the last column `–` is none, `libs` is every library, and names are comma separated (below `libs` unless they say otherwise); a row
 * `models/<name>` stands for every package below `models`.
 * @param {string} markdown
 * @param {string[]} folders the workspace packages
 * @returns {Map<string, Set<string>>} folder → folders it may import
 */
export function allowedImports(markdown, folders) {
  const libraries = folders.filter((folder) => folder.startsWith('libs/'));
  /** @type {Map<string, Set<string>>} */
  const allowed = new Map(ENDS.map((folder) => [folder, new Set(folders)]));
  const [, section = ''] = markdown.split(/^## Packages$/m);
  const [table = ''] = section.split(/^## /m);
  for (const [, pattern = '', imports = ''] of table.matchAll(/^\| `([^`]+)` \|[^|]*\| *([^|]*?) *\|$/gm)) {
    const matcher = new RegExp(`^${pattern.replace(/<\w+>/g, '[^/]+')}$`);
    const targets =
      imports === '–'
        ? []
        : imports
            .split(/, */)
            .flatMap((name) => (name === 'libs' ? libraries : [name.includes('/') ? name : `libs/${name}`]));
    const unknown = targets.filter((target) => !folders.includes(target));
    if (unknown.length > 0)
      throw new Error(`docs/architecture.md: ${pattern} imports ${unknown.join(', ')}, which does not exist`);
    for (const folder of folders) if (matcher.test(folder)) allowed.set(folder, new Set(targets));
  }
  return allowed;
}
