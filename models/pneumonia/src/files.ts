import { fileURLToPath } from 'node:url';

const at = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** The GroupNorm CNN with random weights; written by this package's build. */
export const modelFile = at('generated/model.onnx');
/** Rows of each site, {@link import('./partition.js').partition} written down; by this package's build. */
export const splitFile = at('generated/split.json');
export const federationFile = at('federation.yaml');
export const recordsSchemaFile = at('records.schema.json');
/** PneumoniaMNIST, 28 × 28 (data/PROVENANCE.md). */
export const datasetFile = at('data/pneumoniamnist_28_rebuilt.npz');
/** Answers for a few test radiographs, computed by independent arithmetic in double precision (golden/make_vectors.py). */
export const goldenFile = at('golden/vectors.json');
