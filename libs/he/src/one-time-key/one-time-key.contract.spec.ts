import { describeScheme } from '../testing/scheme.contract.js';
import { KEY_SHARE_BYTES } from './parameters.js';
import { oneTimeKey } from './scheme.js';

describeScheme(oneTimeKey, { keyShareBytes: 3 * 2 * KEY_SHARE_BYTES });
