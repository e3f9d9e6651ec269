import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CodedError, federationSchema, type Federation } from '@koinon/contracts';
import { parse as parseYaml } from 'yaml';

export interface FederationFile {
  readonly spec: Federation;
  /** Paths of the files that the federation names. */
  readonly modelFile: string;
  readonly recordsSchemaFile: string;
}

/**
 * Reads `federation.yaml` and finds its files: beside it, or in the folder `generated` beside it, where a model
 * package's build writes.
 * @throws CodedError CONFIG_INVALID when a file is missing or is no YAML, FEDERATION_FILE_INVALID naming each wrong field
 */
export function readFederationFile(file: string): FederationFile {
  const spec = readFederation(file);
  const find = (field: string, path: string): string => {
    const found = [resolve(dirname(file), path), resolve(dirname(file), 'generated', path)].find(existsSync);
    if (found === undefined)
      throw new CodedError(
        'CONFIG_INVALID',
        `${field}: ${path} is neither beside ${file} nor in generated/ there; build the model first`,
      );
    return found;
  };
  return { spec, modelFile: find('model.file', spec.model.file), recordsSchemaFile: find('records', spec.records) };
}

/** @throws CodedError CONFIG_INVALID when the file is missing or is no YAML, FEDERATION_FILE_INVALID naming each wrong field */
export function readFederation(file: string): Federation {
  const { success, data, error } = federationSchema.safeParse(readYaml(file));
  if (success) return data;
  throw new CodedError(
    'FEDERATION_FILE_INVALID',
    undefined,
    error.issues.map(({ path, message }) => ({ path: path.join('.'), message })),
  );
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
