/** What `records.schema.json` holds: the source table, the label rule and the model's inputs in order. */
export interface RecordsSchema {
  readonly name: string;
  readonly description: string;
  /** Name of the model input [N, features.length] and the bound normalised values are clipped to. */
  readonly input: { readonly name: string; readonly clip: number };
  /** A text table with one record per line and no header. */
  readonly source: {
    readonly delimiter: string;
    readonly missing: string;
    readonly columns: readonly SourceColumn[];
  };
  readonly label: {
    readonly column: string;
    readonly title: string;
    /** A row is positive when its label is strictly greater. */
    readonly positiveAbove: number;
    /** Splits known to hold one class only; in any other split a missing class is an error. */
    readonly oneClassSplits: readonly { readonly centre: string; readonly split: 'train' | 'test' }[];
  };
  readonly features: readonly Feature[];
}

/** A column of the hospital's file. One with neither range nor levels is not read. */
export interface SourceColumn {
  readonly name: string;
  readonly unit: string;
  readonly range?: readonly [number, number];
  readonly levels?: readonly number[];
}

/** One raw input of the model; the graph normalises it to (value − centre) / halfWidth. */
export interface Feature {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly type: 'number' | 'binary';
  readonly range: readonly [number, number];
  readonly column: string;
  readonly transform: { readonly kind: 'identity' } | { readonly kind: 'equals'; readonly value: number };
  readonly centre: number;
  readonly halfWidth: number;
}
