/**
 * ONNX Runtime for Node.js with its telemetry and its log off. Nothing else may import `onnxruntime-node`; a check fails on it.
 * Its own session is not exported: it prints and throws texts that quote the values it was given.
 */
import './telemetry.js';

export { Tensor } from 'onnxruntime-node';
export { Session, type OptimizationLevel, type SessionOptions, type ValueMetadata } from './session.js';
export { SessionError, type SessionErrorCode } from './session-error.js';
