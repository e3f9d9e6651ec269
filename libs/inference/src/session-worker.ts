/**
 * A worker thread that owns ONNX Runtime sessions. Everything imported from this project is a type,
 * so that Node can start the file from the source (specs) as well as from the build.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { parentPort, type Transferable } from 'node:worker_threads';
import { Session, SessionError, Tensor, type ValueMetadata } from '@koinon/onnx-runtime';
import type { RuntimeErrorCode } from './runtime-error.js';
import type {
  CloseRequest,
  FailedReply,
  LoadedReply,
  LoadRequest,
  RanReply,
  RunRequest,
  WireMetadata,
  WireTensor,
  WorkerMessage,
  WorkerRequest,
} from './worker-protocol.js';

if (!parentPort) throw new Error('The session worker must be started as a worker thread.');
const port = parentPort;
const sessions = new Map<number, Session>();

const failed = (code: RuntimeErrorCode, message: string): FailedReply => ({ kind: 'failed', code, message });

const metadataOf = (values: readonly ValueMetadata[]): WireMetadata[] =>
  values.map((value) => ({
    name: value.name,
    ortType: value.isTensor ? value.type : null,
    shape: value.isTensor ? value.shape.map((dim) => (typeof dim === 'number' ? dim : -1)) : [],
  }));

async function load({ session: id, file, sha256 }: LoadRequest): Promise<LoadedReply | FailedReply> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch {
    return failed(
      'MODEL_FILE_UNREADABLE',
      'The model file cannot be read; check that it exists and that the node may read it.',
    );
  }
  // The session is made from the very bytes that were hashed: a file changed in between has no effect.
  if (createHash('sha256').update(bytes).digest('hex') !== sha256.toLowerCase()) {
    return failed(
      'MODEL_DIGEST_MISMATCH',
      'The model file does not have the expected SHA-256; fetch the release again.',
    );
  }
  try {
    const session = await Session.create(bytes);
    sessions.set(id, session);
    return { kind: 'loaded', inputs: metadataOf(session.inputs), outputs: metadataOf(session.outputs) };
  } catch (error) {
    const reason = error instanceof SessionError ? error.message : 'it cannot be loaded';
    return failed(
      'MODEL_REFUSED',
      `ONNX Runtime refuses the model: ${reason}. Export it with opset 26 and IR 13 or lower.`,
    );
  }
}

async function run({ session: id, inputs, outputs }: RunRequest): Promise<RanReply | FailedReply> {
  const session = sessions.get(id);
  if (!session) return failed('INFERENCE_FAILED', 'The session is gone; load the model again.');
  try {
    const feeds: Record<string, Tensor> = {};
    for (const [name, { ortType, dims, data }] of Object.entries(inputs)) {
      feeds[name] = new Tensor(ortType as 'float32', data as Float32Array, dims);
    }
    const startedMs = performance.now();
    const results = await session.run(feeds, [...outputs]);
    const computeMs = performance.now() - startedMs;
    const answer: Record<string, WireTensor> = {};
    for (const [name, tensor] of Object.entries(results)) {
      answer[name] = { ortType: tensor.type, dims: tensor.dims, data: tensor.data as Float32Array };
    }
    return { kind: 'ran', outputs: answer, computeMs };
  } catch {
    return failed(
      'INFERENCE_FAILED',
      'The model could not compute these inputs; check their values against the model card.',
    );
  }
}

async function release(id: number): Promise<void> {
  const session = sessions.get(id);
  sessions.delete(id);
  await session?.release();
}

async function answer(request: WorkerRequest): Promise<WorkerMessage> {
  if (request.kind === 'load') return load(request);
  if (request.kind === 'run') return run(request);
  await release(request.session);
  return { kind: 'released' };
}

const buffersOf = (message: WorkerMessage): Transferable[] =>
  message.kind === 'ran'
    ? [...new Set(Object.values(message.outputs).map(({ data }) => data.buffer as ArrayBuffer))]
    : [];

port.on('message', (request: WorkerRequest | CloseRequest) => {
  void (async () => {
    if (request.kind === 'close') {
      for (const id of sessions.keys()) await release(id);
      // The thread ends by itself: terminating one inside a run would abort the process.
      port.close();
      return;
    }
    const message = await answer(request);
    port.postMessage(message, buffersOf(message));
  })();
});

port.postMessage({ kind: 'ready' } satisfies WorkerMessage);
