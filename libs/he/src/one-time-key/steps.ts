/** Steps of the one-time-key ceremony, in order. */
export const ONE_TIME_KEY_STEPS = ['deal', 'confirm'] as const;
