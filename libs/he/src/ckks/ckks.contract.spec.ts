import { describeScheme } from '../testing/scheme.contract.js';

describeScheme('ckks-threshold');
