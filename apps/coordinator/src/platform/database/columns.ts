/** Columns that many tables have. */
export const instant = { type: 'timestamptz' } as const;
export const optionalInstant = { type: 'timestamptz', nullable: true } as const;
export const optionalJson = { type: 'jsonb', nullable: true } as const;
/** PostgreSQL's 64 bits arrive as text; what we count in them stays below 2^53. */
export const wholeNumber = { to: (value: number): number => value, from: Number };
