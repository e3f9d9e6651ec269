/** Writes `generated/model.onnx` from the records schema. Same schema, same bytes. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { encodeModel } from '@koinon/onnx';
import type { RecordsSchema } from './records-schema.js';
import { recordsSchemaFile, modelFile } from './index.js';
import { logisticRegression } from './logistic-regression.js';

const schema = JSON.parse(readFileSync(recordsSchemaFile, 'utf8')) as RecordsSchema;
mkdirSync(dirname(modelFile), { recursive: true });
writeFileSync(modelFile, encodeModel(logisticRegression(schema)));
