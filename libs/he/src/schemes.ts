import { ckksThreshold } from './ckks/scheme.js';
import { oneTimeKey } from './one-time-key/scheme.js';
import { SchemeRegistry } from './scheme-registry.js';

/** Every scheme that a federation may name. A further one is its folder and its place in this list. */
export const schemes = new SchemeRegistry([ckksThreshold, oneTimeKey]);
