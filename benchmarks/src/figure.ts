/** One measured figure of a suite, as `npm run bench` prints it. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** `value` against `yardstick`, measured in the same run. */
  readonly ratio?: number;
  /** What the ratio is taken against: its value, or what it is. */
  readonly yardstick?: number | string;
  /** What `value` summarises, in the suite's own order. */
  readonly samples?: readonly number[];
}
