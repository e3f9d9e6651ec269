import type { Scored } from './metrics.js';

/**
 * The threshold with the largest sensitivity + specificity (Youden 1950), in the middle of the gap it may move in. It
 * weighs both classes alike, so it does not lean on how common pneumonia is in the data it was chosen on.
 */
export function chooseThreshold({ probabilities, labels }: Scored): number {
  const order = Array.from(labels, (_, index) => index).toSorted((a, b) => probabilities[b]! - probabilities[a]!);
  const positives = Array.from(labels).filter((label) => label === 1).length;
  let [hits, alarms] = [0, 0];
  let best = { youden: -1, threshold: 0.5 };
  order.forEach((index, position) => {
    if (labels[index] === 1) hits++;
    else alarms++;
    const [own, next] = [probabilities[index]!, probabilities[order[position + 1] ?? -1] ?? 0];
    if (own === next) return;
    const youden = hits / positives - alarms / (labels.length - positives);
    if (youden > best.youden) best = { youden, threshold: (own + next) / 2 };
  });
  return best.threshold;
}
