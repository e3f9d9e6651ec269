import { describeScheme } from '../testing/scheme.contract.js';

describeScheme('one-time-key');
