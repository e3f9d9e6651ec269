import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { federationFile, modelFile, recordsSchemaFile } from '@koinon/heart-disease';
import { tempDir } from '@koinon/testing';
import { describe, expect, it } from 'vitest';
import { readFederationFile } from './federation-file.js';

const coded = (code: string, detail: RegExp) =>
  expect.objectContaining({ code, detail: expect.stringMatching(detail) });

describe('readFederationFile', () => {
  it('finds the heart-disease federation’s model where its build writes it', () => {
    expect(readFederationFile(federationFile)).toMatchObject({
      modelFile,
      recordsSchemaFile,
      spec: { name: 'heart-disease' },
    });
  });

  it('prefers the file beside it, and says where it looked in vain', () => {
    using dir = tempDir();
    const at = (...path: string[]): string => join(dir.path, ...path);
    copyFileSync(federationFile, at('federation.yaml'));
    expect(() => readFederationFile(at('federation.yaml'))).toThrow(
      coded('CONFIG_INVALID', /^model\.file: model\.onnx is neither beside .* nor in generated/),
    );
    mkdirSync(at('generated'));
    for (const file of ['model.onnx', 'records.schema.json']) writeFileSync(at('generated', file), '');
    expect(readFederationFile(at('federation.yaml'))).toMatchObject({
      modelFile: at('generated', 'model.onnx'),
      recordsSchemaFile: at('generated', 'records.schema.json'),
    });
    writeFileSync(at('model.onnx'), '');
    expect(readFederationFile(at('federation.yaml')).modelFile).toBe(at('model.onnx'));
  });

  it('names the present word for each of before, and nothing else', () => {
    using dir = tempDir();
    const file = join(dir.path, 'federation.yaml');
    writeFileSync(
      file,
      'name: x\nmodel: { logits: logits }\nfeatures: features.schema.json\nsites: { maxRows: 1 }\nprivacy: { rowCountNoise: 10 }\n',
    );
    expect(() => readFederationFile(file)).toThrow(
      expect.objectContaining({
        code: 'FEDERATION_FILE_INVALID',
        issues: [
          ['model.logits', 'model.output'],
          ['features', 'records'],
          ['sites.maxRows', 'sites.maxRecords'],
          ['privacy.rowCountNoise', 'privacy.recordCountNoise'],
        ].map(([path, present]) => ({ path, message: `\`${path}\` is now called \`${present}\`` })),
      }),
    );
  });

  it('tells a missing file, broken YAML and wrong fields apart', () => {
    using dir = tempDir();
    const file = join(dir.path, 'federation.yaml');
    expect(() => readFederationFile(file)).toThrow(coded('CONFIG_INVALID', /cannot be read$/));
    writeFileSync(file, 'a: [1');
    expect(() => readFederationFile(file)).toThrow(coded('CONFIG_INVALID', /is not YAML/));
    writeFileSync(file, 'name: x\nrounds: many\n');
    expect(() => readFederationFile(file)).toThrow(
      expect.objectContaining({
        code: 'FEDERATION_FILE_INVALID',
        issues: expect.arrayContaining([expect.objectContaining({ path: 'rounds' })]),
      }),
    );
  });
});
