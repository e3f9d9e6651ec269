import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { getMetadataArgsStorage } from 'typeorm';
import { expect, it } from 'vitest';
import { dataSource } from './data-source.js';

const src = join(import.meta.dirname, '..');
const files = globSync('*/**/*.ts', { cwd: src, exclude: (name) => /\.spec\.ts$|^testing$|^migrations$/.test(name) });
const text = new Map(files.map((file) => [file, readFileSync(join(src, file), 'utf8')]));

/** `a/b/c.ts` → `a`, and `platform/b/c.ts` → `platform/b`: what shares an entities file. */
const moduleOf = (file: string): string => /^(platform\/[^/]+|[^/]+)/.exec(file)![0];

/** By class name and by table name: the module whose entities file has it. */
const owners = new Map(
  getMetadataArgsStorage().tables.flatMap(({ target, name }) => {
    const row = (target as { name: string }).name;
    const home = files.find((file) => file.endsWith('.entities.ts') && text.get(file)!.includes(`class ${row} `))!;
    return [row, name!].map((key) => [key, moduleOf(home)] as const);
  }),
);

const ORM = /\.(?:insert|update|upsert|delete|save|remove|into)\(\s*(\w+Row)\b/g;
const SQL = /\b(?:INSERT INTO|UPDATE|DELETE FROM) (\w+)/g;

it('each table is written by the module that has it, and by no other', () => {
  expect(owners.size).toBe(2 * (dataSource('postgres://host/db').options.entities as unknown[]).length);
  const named = [...text].flatMap(([file, code]) =>
    [ORM, SQL].flatMap((pattern) => [...code.matchAll(pattern)].map(([, at = '']) => ({ file, at }))),
  );
  const writes = named.filter(({ at }) => owners.has(at));
  expect(writes.filter(({ file, at }) => owners.get(at) !== moduleOf(file))).toEqual([]);
  // A pattern that finds nothing proves nothing.
  expect(new Set(writes.map(({ at }) => owners.get(at)))).toEqual(new Set(owners.values()));
});

it('the state of a run, round, key epoch or sum is written by its transitions alone', () => {
  const update = /\.update\(\s*(?:Run|Round|\w*Epoch|Sum)Row,[^;]*?\{[^{};]*\},?\s*\{([^;]*?)\},?\s*\)/g;
  const found = [...text].flatMap(([file, code]) =>
    [...code.matchAll(update)].map(([, set = '']) => ({ file, writes: /(^|[\s{,])state\b/.test(set) })),
  );
  expect(
    found
      .filter(({ writes }) => writes)
      .map(({ file }) => basename(file))
      .toSorted(),
  ).toEqual(
    files
      .map((file) => basename(file))
      .filter((name) => name.endsWith('-transitions.ts'))
      .toSorted(),
  );
  expect(found.length).toBeGreaterThan(8);
});
