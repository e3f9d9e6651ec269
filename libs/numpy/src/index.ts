export { NumpyError } from './error.js';
export type { NumpyErrorCode } from './error.js';
export { readNpy } from './npy.js';
export type { NumpyArray, NumpyData, NumpyType } from './npy.js';
export { arrayOf, readNpz } from './npz.js';
export type { NpzLimits } from './npz.js';
