import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'vite';
import { expect, it } from 'vitest';

const bundle = fileURLToPath(new URL('../dist/bundle/', import.meta.url));

it('the process of a task is a bundle that loads Node and the runtime alone', () => {
  const files = readdirSync(bundle, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'));
  const loaded = files.flatMap((name) => {
    const text = readFileSync(join(bundle, name), 'utf8');
    return parseSync(name, text).module.staticImports.map(({ moduleRequest: { value } }) => value);
  });
  expect(loaded).toContain('onnxruntime-node');
  expect(loaded.filter((name) => !/^(node:|\.)/.test(name) && name !== 'onnxruntime-node')).toEqual([]);
});
