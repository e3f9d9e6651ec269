import type { TensorData } from './datatypes.js';
import type { RuntimeErrorCode } from './runtime-error.js';

/**
 * Messages between the runtime (worker-thread.ts) and a worker thread that owns sessions (session-worker.ts).
 *
 * | message   | from    | answered by                                                             |
 * |-----------|---------|-------------------------------------------------------------------------|
 * | `ready`   | worker  | nothing: sent once, unasked, when ONNX Runtime is in memory             |
 * | `load`    | runtime | `loaded`, or `failed` and there is no session of this number            |
 * | `run`     | runtime | `ran`, or `failed` and the session goes on                              |
 * | `release` | runtime | `released`, also where there was no such session                        |
 * | `close`   | runtime | the thread's exit, after every session was released; nothing comes after |
 *
 * The runtime waits for `ready` first and then has one request open at most, so replies need no ids. Session numbers are the
 * runtime’s. Buffers handed over with a message, in either direction, are gone for whoever sent them.
 */
export interface WireTensor {
  readonly ortType: string;
  readonly dims: readonly number[];
  readonly data: TensorData;
}

/** `ortType` is null for a sequence, map or optional; a free dimension is -1. */
export interface WireMetadata {
  readonly name: string;
  readonly ortType: string | null;
  readonly shape: readonly number[];
}

export type LoadRequest = {
  readonly kind: 'load';
  readonly session: number;
  readonly file: string;
  readonly sha256: string;
};
export type RunRequest = {
  readonly kind: 'run';
  readonly session: number;
  readonly inputs: Readonly<Record<string, WireTensor>>;
  readonly outputs: readonly string[];
};
export type ReleaseRequest = { readonly kind: 'release'; readonly session: number };
/** Releases every session and ends the thread; the thread's exit is the reply. */
export type CloseRequest = { readonly kind: 'close' };
export type WorkerRequest = LoadRequest | RunRequest | ReleaseRequest;

export type LoadedReply = {
  readonly kind: 'loaded';
  readonly inputs: readonly WireMetadata[];
  readonly outputs: readonly WireMetadata[];
};
export type RanReply = {
  readonly kind: 'ran';
  readonly outputs: Readonly<Record<string, WireTensor>>;
  readonly computeMs: number;
};
export type ReleasedReply = { readonly kind: 'released' };
export type FailedReply = { readonly kind: 'failed'; readonly code: RuntimeErrorCode; readonly message: string };
/** Sent once, unasked, when ONNX Runtime is in memory. */
export type ReadyMessage = { readonly kind: 'ready' };
export type WorkerMessage = ReadyMessage | LoadedReply | RanReply | ReleasedReply | FailedReply;

export type ReplyTo<Request extends WorkerRequest> = Request extends LoadRequest
  ? LoadedReply
  : Request extends RunRequest
    ? RanReply
    : ReleasedReply;
