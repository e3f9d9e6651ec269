import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findViolations } from './check-boundaries.mjs';

const ARCHITECTURE = `# Architecture
## Packages
| package | what it is | imports |
|---|---|---|
| \`libs/contracts\` | messages | – |
| \`libs/onnx\` | graphs | – |
| \`libs/testing\` | fixtures | contracts |
| \`models/<name>\` | models | onnx |
| \`apps/node\` | the node | libs |
## Who runs where
| \`libs/onnx\` | a table of something else | contracts |
`;

const MODULES = `## Modules of \`apps/coordinator\`
| module | what it is | may import |
|---|---|---|
| \`platform\` | ground | – |
| \`rounds\` | rounds | platform |
| \`fleet\` | sites | platform, rounds |
`;

describe('findViolations', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'koinon-'));
    write(
      'package.json',
      JSON.stringify({ name: 'root', workspaces: ['libs/*', 'apps/*', 'models/*'], devDependencies: { vitest: '1' } }),
    );
    write('docs/architecture.md', ARCHITECTURE);
    manifest('libs/contracts', { dependencies: { zod: '4' } });
    manifest('libs/onnx', {});
    manifest('libs/testing', { dependencies: { '@koinon/contracts': '1' } });
    manifest('models/heart', { dependencies: { '@koinon/onnx': '1' } });
    manifest('apps/node', {
      dependencies: { '@koinon/onnx': '1', '@koinon/heart': '1' },
      devDependencies: { '@koinon/testing': '1' },
    });
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function write(file: string, text: string): void {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }

  function manifest(folder: string, fields: object): void {
    write(`${folder}/package.json`, JSON.stringify({ name: `@koinon/${folder.split('/')[1]}`, ...fields }));
  }

  it('accepts what the table and the manifests allow', () => {
    write(
      'libs/contracts/src/index.ts',
      "import { readFileSync } from 'node:fs';\nimport { z } from 'zod';\nexport * from './error.js';\n",
    );
    write('models/heart/src/index.ts', "import { Graph } from '@koinon/onnx';\n");
    write(
      'apps/node/src/main.spec.ts',
      "import { it } from 'vitest';\nimport { tempDir } from '@koinon/testing';\nimport { model } from '@koinon/onnx/testing';\nimport { main } from './main.js';\n",
    );
    write('apps/node/dist/main.js', "import 'left-over';\n");
    expect(findViolations(root)).toEqual([]);
  });

  it('finds a path of the API that is written beside the route table', () => {
    write('libs/contracts/src/routes/runs.ts', "export const runs = '/v1/runs';");
    write('libs/contracts/src/client.ts', 'export const path = `/v1/runs/${1}`;');
    write('apps/node/src/main.ts', "// As /v1/runs in a comment.\nfetch('/v1/runs');");
    write('apps/node/src/main.spec.ts', "fetch('/v1/runs');");
    expect(findViolations(root).toSorted()).toEqual([
      'apps/node/src/main.ts: writes a path of the API: take its route from the table',
      'libs/contracts/src/client.ts: writes a path of the API: take its route from the table',
    ]);
  });

  it('finds circles between files and between folders, of types too, and takes specs for none', () => {
    write('apps/node/src/up/a.ts', "import { b } from './b.js';");
    write('apps/node/src/up/b.ts', "export * from './c.js';");
    write('apps/node/src/up/c.ts', "import type { A } from './a.js';");
    write('apps/node/src/link/x.ts', "import '../keys/y.js';");
    write('apps/node/src/keys/y.ts', 'export {};');
    write('apps/node/src/keys/z.ts', "import '../link/w.js';\nimport './z.spec.js';");
    write('apps/node/src/keys/z.spec.ts', "import './z.js';");
    write('apps/node/src/link/w.ts', 'export {};');
    expect(findViolations(root).toSorted()).toEqual([
      'apps/node/src/keys → src/link → src/keys: import circle',
      'apps/node/src/up/a.ts → src/up/b.ts → src/up/c.ts → src/up/a.ts: import circle',
    ]);
  });

  it.each([
    ['a package nobody listed', 'libs/onnx/src/a.ts', "import 'fastify';", 'is not listed in libs/onnx/package.json'],
    [
      'a test tool in shipped code',
      'libs/onnx/src/a.ts',
      "import { it } from 'vitest';",
      'is not listed in libs/onnx/package.json under dependencies',
    ],
    [
      'a deep import',
      'models/heart/src/a.ts',
      "export * from '@koinon/onnx/dist/graph.js';",
      'goes past the package root',
    ],
    [
      'a relative path out of the package',
      'libs/onnx/src/a.ts',
      "import '../../contracts/src/index.js';",
      'leaves the package',
    ],
    [
      'a type import against the arrows',
      'libs/onnx/src/a.ts',
      "type E = import('@koinon/contracts').Error;",
      'libs/onnx must not use libs/contracts',
    ],
    [
      'a dynamic import against the arrows',
      'apps/node/src/a.ts',
      "const m = await import('@koinon/heart');",
      'apps/node must not use models/heart',
    ],
    [
      'fixtures in shipped code',
      'apps/node/src/a.ts',
      "import { tempDir } from '@koinon/testing';",
      'apps/node must not use libs/testing',
    ],
    [
      'helpers of another package’s specs in shipped code',
      'apps/node/src/a.ts',
      "import { model } from '@koinon/onnx/testing';",
      'holds helpers of specs',
    ],
    ['a package by its own name', 'libs/onnx/src/a.ts', "import '@koinon/onnx';", 'is this package itself'],
    [
      'a wrapped library',
      'libs/onnx/src/a.spec.ts',
      "import { Tensor } from 'onnxruntime-node';",
      'libs/onnx-runtime alone',
    ],
    [
      'what a wrapped library is made of',
      'libs/onnx/src/a.ts',
      "import { InferenceSession } from 'onnxruntime-common';",
      'libs/onnx-runtime alone',
    ],
    [
      'resolve of a path outside',
      'libs/onnx/src/a.ts',
      "import.meta.resolve('../../contracts/package.json');",
      'leaves the package',
    ],
  ])('refuses %s', (_, file, text, expected) => {
    write(file, `${text}\n`);
    expect(findViolations(root).join('\n')).toContain(expected);
    expect(findViolations(root).every((line) => line.startsWith(file))).toBe(true);
  });

  it('wants a row for every package and a package for every name', () => {
    manifest('libs/drift', {});
    expect(findViolations(root)).toEqual(['libs/drift: has no row in the table of docs/architecture.md']);
    write('docs/architecture.md', ARCHITECTURE.replace('| messages | – |', '| messages | drift, nothing |'));
    expect(() => findViolations(root)).toThrow('libs/nothing');
  });

  describe('between the modules of a package', () => {
    beforeEach(() => {
      write(
        'docs/architecture.md',
        ARCHITECTURE.replace('## Who', '| `apps/coordinator` | the coordinator | – |\n## Who') + MODULES,
      );
      manifest('apps/coordinator', {});
      for (const module of ['platform', 'rounds', 'fleet'])
        write(`apps/coordinator/src/${module}/rows.ts`, 'export {};');
      write('apps/coordinator/src/main.ts', "import './fleet/rows.js';\nimport './rounds/rows.js';");
    });

    it('accepts what their table allows, and specs that use everything', () => {
      write('apps/coordinator/src/fleet/a.ts', "import '../rounds/rows.js';\nimport './rows.js';");
      write('apps/coordinator/src/platform/a.integration.spec.ts', "import '../fleet/rows.js';\nimport '../main.js';");
      expect(findViolations(root)).toEqual([]);
    });

    it.each([
      ['an import from a row below', 'platform/a.ts', "import '../rounds/rows.js';", 'platform must not use rounds'],
      ['an import of a type', 'rounds/a.ts', "import type { A } from '../fleet/rows.js';", 'rounds must not use fleet'],
      [
        'what puts them together',
        'fleet/deep/a.ts',
        "import '../../main.js';",
        'fleet must not use what puts the modules together',
      ],
      ['a folder without a row', 'extra/a.ts', 'export {};', 'src/extra: has no row'],
    ])('refuses %s', (_, file, text, expected) => {
      write(`apps/coordinator/src/${file}`, text);
      expect(findViolations(root).join('\n')).toContain(expected);
    });

    it.each([
      [
        'a circle in the table',
        '| `platform` | ground | – |',
        '| `platform` | ground | fleet |',
        'platform imports fleet, which is no row above it',
      ],
      [
        'a row without a folder',
        '| `platform` | ground | – |',
        '| `gone` | x | – |\n| `platform` | ground | – |',
        'a row gone, which is no folder',
      ],
      ['a table that is not there', '## Modules of', '## Modules in', 'src/fleet: has no row'],
    ])('refuses %s', (_, row, changed, expected) => {
      const text = readFileSync(join(root, 'docs/architecture.md'), 'utf8');
      write('docs/architecture.md', text.replace(row, changed));
      expect(findViolations(root).join('\n')).toContain(expected);
    });
  });
});
