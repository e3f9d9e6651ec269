export { featureCount, linearAnswer, writeLinearModel, writeModel } from './linear-model.js';
