/** Predictions beside what is true. */
export interface Scored {
  readonly probabilities: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
}

export interface Quality {
  readonly auc: number;
  readonly f1: number;
  readonly accuracy: number;
}

/**
 * Area under the ROC curve: the share of pairs (positive, negative) in the right order, ties counting half
 * (Mann & Whitney 1947).
 */
export function areaUnderCurve({ probabilities, labels }: Scored): number {
  const order = Array.from(labels, (_, index) => index).toSorted((a, b) => probabilities[a]! - probabilities[b]!);
  let [positives, rankSum] = [0, 0];
  for (let from = 0; from < order.length;) {
    let to = from;
    while (to < order.length && probabilities[order[to]!] === probabilities[order[from]!]) to++;
    const tied = order.slice(from, to).filter((index) => labels[index] === 1).length;
    positives += tied;
    // ranks from + 1 … to share their mean
    rankSum += tied * ((from + 1 + to) / 2);
    from = to;
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * (labels.length - positives));
}

/** F1 of pneumonia and accuracy where a probability at or above the threshold is called pneumonia. */
export function quality(scored: Scored, threshold: number): Quality {
  const { truePositives: hits, falsePositives, falseNegatives } = confusion(scored, threshold);
  return {
    auc: areaUnderCurve(scored),
    f1: (2 * hits) / (2 * hits + falsePositives + falseNegatives),
    accuracy: 1 - (falsePositives + falseNegatives) / scored.labels.length,
  };
}

/** Counts of calls right and wrong. */
function confusion(
  { probabilities, labels }: Scored,
  threshold: number,
): Record<'truePositives' | 'falsePositives' | 'falseNegatives', number> {
  const count = (label: number, called: boolean): number =>
    Array.from(labels).filter((own, index) => own === label && probabilities[index]! >= threshold === called).length;
  return { truePositives: count(1, true), falsePositives: count(0, true), falseNegatives: count(1, false) };
}
