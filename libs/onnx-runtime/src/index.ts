/** ONNX Runtime for Node.js with its telemetry off. Nothing else may import `onnxruntime-node`; a check fails on it. */
import './telemetry.js';

export { InferenceSession, Tensor } from 'onnxruntime-node';
