/** Steps of the threshold-CKKS key ceremony, in order. */
export const CKKS_STEPS = ['commit', 'reveal', 'deal', 'test', 'confirm'] as const;
