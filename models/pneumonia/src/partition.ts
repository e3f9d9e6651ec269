import { dirichlet } from './dirichlet.js';
import { permutation, uniforms } from './random.js';

/** Rows of one site: 0-based rows of the data's training images and of its test images. */
export interface SiteRows {
  readonly train: readonly number[];
  readonly test: readonly number[];
}

export interface PartitionOptions {
  readonly sites: number;
  /** Concentration of the Dirichlet distribution; the smaller, the more the sites differ. */
  readonly alpha: number;
  readonly seed: number;
  /** The shares are drawn again until every site has at least this many training rows of each class. */
  readonly fewestRows: number;
}

/**
 * Deals all rows out so that sites differ in size and in how common pneumonia is: for each class the sites' shares are
 * one draw from Dir(α) (Hsu, Qi & Brown 2019, arXiv:1909.06335, section 3). A site's test rows follow the same shares as its
 * training rows. Equal labels and options give equal rows.
 */
export function partition(
  trainLabels: ArrayLike<number>,
  testLabels: ArrayLike<number>,
  { sites, alpha, seed, fewestRows }: PartitionOptions,
): SiteRows[] {
  const uniform = uniforms(seed);
  const classes = [0, 1].map((label) => rowsOf(trainLabels, label, uniform));
  for (;;) {
    const shares = classes.map(() => dirichlet(alpha, sites, uniform));
    const train = classes.map((rows, label) => deal(rows, shares[label]!));
    if (train.flat().some((rows) => rows.length < fewestRows)) continue;
    const test = [0, 1].map((label) => deal(rowsOf(testLabels, label, uniform), shares[label]!));
    const ofSite = (dealt: number[][][], site: number): number[] =>
      dealt.flatMap((bySite) => bySite[site]!).toSorted((a, b) => a - b);
    return Array.from({ length: sites }, (_, site) => ({ train: ofSite(train, site), test: ofSite(test, site) }));
  }
}

/** Rows of one class in a random order. */
function rowsOf(labels: ArrayLike<number>, label: number, uniform: () => number): number[] {
  const rows = Array.from(labels, (_, row) => row).filter((row) => labels[row] === label);
  return permutation(rows.length, uniform).map((index) => rows[index]!);
}

/** Cuts the rows at the rounded cumulative shares, so that every row goes to exactly one site. */
function deal(rows: readonly number[], shares: readonly number[]): number[][] {
  let [from, cumulative] = [0, 0];
  return shares.map((share, site) => {
    cumulative += share;
    const to = site === shares.length - 1 ? rows.length : Math.round(cumulative * rows.length);
    const part = rows.slice(from, to);
    from = to;
    return part;
  });
}
