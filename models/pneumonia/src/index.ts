/**
 * Pneumonia on 28 × 28 chest radiographs: data, networks, the sites' partition, and a central training recipe.
 *
 * ```ts
 * const dataset = readDataset();
 * const { model, threshold } = await trainCentrally(compactCnn(1), dataset, 1);
 * const scored = { probabilities: await predict(model, dataset.test), labels: dataset.test.labels };
 * quality(scored, threshold); // { auc, f1, accuracy }
 * ```
 */
export type { Augmentation } from './augment.js';
export { PIXELS, readDataset } from './dataset.js';
export type { Dataset, Radiographs } from './dataset.js';
export { areaUnderCurve, quality } from './metrics.js';
export type { Quality, Scored } from './metrics.js';
export { compactCnn } from './networks/cnn.js';
export type { Network } from './networks/layers.js';
export { logisticRegression, multilayerPerceptron } from './networks/perceptron.js';
export type { PartitionOptions, SiteRows } from './partition.js';
export { predict } from './predict.js';
export type { Site } from './sites.js';
export { trainCentrally } from './train.js';
export type { Epoch, Recipe, Trained } from './train.js';
