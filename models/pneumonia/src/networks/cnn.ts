import { RadiographNetwork, type Network } from './layers.js';

/**
 * The compact convolutional network: three blocks of 16, 32 and 64 channels, averaged over the image. Group
 * normalisation keeps records apart, so that the same network can be trained with per-record clipping.
 */
export function compactCnn(seed: number): Network {
  const network = new RadiographNetwork('pneumonia-cnn', seed);
  network.convolve('block1', 1, 16, { groups: 4 });
  network.pool();
  network.convolve('block2', 16, 32, { groups: 8 });
  network.pool();
  network.convolve('block3', 32, 64, { groups: 8 });
  network.average();
  network.flatten();
  return network.close(64);
}
