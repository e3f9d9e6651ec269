import { describeScheme } from '../testing/scheme.contract.js';
import { DEGREE } from './parameters.js';
import { ckksThreshold } from './scheme.js';

describeScheme(ckksThreshold, { keyShareBytes: 2 * DEGREE * 8 });
