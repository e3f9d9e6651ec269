export { FEATURE_COUNT, linearAnswer, writeLinearModel, writeModel } from './linear-model.js';
