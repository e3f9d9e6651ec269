/** Writes `generated/model.onnx` from the feature schema. Same schema, same bytes. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { encodeModel } from '@koinon/onnx';
import type { FeatureSchema } from './feature-schema.js';
import { featureSchemaFile, modelFile } from './index.js';
import { logisticRegression } from './logistic-regression.js';

const schema = JSON.parse(readFileSync(featureSchemaFile, 'utf8')) as FeatureSchema;
mkdirSync(dirname(modelFile), { recursive: true });
writeFileSync(modelFile, encodeModel(logisticRegression(schema)));
