/**
 * From 1.29 on, official builds send events to Microsoft unless this variable is set before the first session: the
 * processor, the program's path, names of models, and an identifier kept under ~/.cache
 * (https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md, "Disabling Telemetry").
 */
import { isMainThread } from 'node:worker_threads';

const VARIABLE = 'ORT_DISABLE_TELEMETRY';

if (isMainThread) process.env[VARIABLE] = '1';
// a thread's process.env is a copy that native code does not read
else if (process.env[VARIABLE] !== '1')
  throw new Error(
    'Import @koinon/onnx-runtime in the main thread before a thread that uses it starts: only there can its telemetry be turned off.',
  );
