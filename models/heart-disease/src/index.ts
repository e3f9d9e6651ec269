/**
 * The heart-disease federation: model, records schema, federation file and the four hospitals' data.
 *
 * ```ts
 * const federation = readFileSync(federationFile, 'utf8');
 * const csv = dataFile('cleveland');
 * ```
 */
import { fileURLToPath } from 'node:url';

export type { Feature, RecordsSchema, SourceColumn } from './records-schema.js';

const at = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Logistic regression on 13 raw clinical values, zero weights; written by this package's build. */
export const modelFile = at('generated/model.onnx');
export const recordsSchemaFile = at('records.schema.json');
export const federationFile = at('federation.yaml');
/** Training and test row numbers per centre (0-based lines of its file). */
export const splitFile = at('data/flamby_split_43.json');
/** Answers of fixed weights for fixed patients, computed by independent arithmetic in double precision. */
export const goldenFile = at('golden/vectors.json');

/** The hospitals of the 1988 study, in roster order; `id` is the centre in the split and in file names. */
export const sites = [
  { id: 'cleveland', displayName: 'Cleveland Clinic' },
  { id: 'hungarian', displayName: 'Hungarian Institute of Cardiology' },
  { id: 'switzerland', displayName: 'University Hospitals Zurich and Basel' },
  { id: 'va', displayName: 'V.A. Long Beach' },
] as const;

export type Centre = (typeof sites)[number]['id'];

/** One centre's table: comma-separated, no header, 14 columns, `?` where a value is missing. */
export function dataFile(centre: Centre): string {
  return at(`data/processed.${centre}.data`);
}
