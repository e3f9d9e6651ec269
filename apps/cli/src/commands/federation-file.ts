import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CodedError, federationSchema, parse, type Federation } from '@koinon/contracts';
import { parse as parseYaml } from 'yaml';

export interface FederationFile {
  readonly spec: Federation;
  /** Paths of the files that the federation names. */
  readonly modelFile: string;
  readonly featureSchemaFile: string;
}

/**
 * Reads `federation.yaml` and finds its files: beside it, or in the folder `generated` beside it, where a model
 * package's build writes.
 * @throws CodedError CONFIG_INVALID when a file is missing or is no YAML, REQUEST_INVALID naming each wrong field
 */
export function readFederationFile(file: string): FederationFile {
  const spec = parse(federationSchema, readYaml(file));
  const find = (field: string, path: string): string => {
    const found = [resolve(dirname(file), path), resolve(dirname(file), 'generated', path)].find(existsSync);
    if (found === undefined)
      throw new CodedError(
        'CONFIG_INVALID',
        `${field}: ${path} is neither beside ${file} nor in generated/ there; build the model first`,
      );
    return found;
  };
  return { spec, modelFile: find('model.file', spec.model.file), featureSchemaFile: find('features', spec.features) };
}

function readYaml(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new CodedError('CONFIG_INVALID', `${file} cannot be read`);
  }
  try {
    return parseYaml(text) as unknown;
  } catch (error) {
    throw new CodedError('CONFIG_INVALID', `${file} is not YAML: ${(error as Error).message.split('\n')[0]}`);
  }
}
