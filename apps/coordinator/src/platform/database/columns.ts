/** Columns that many tables have. */
export const instant = { type: 'timestamptz' } as const;
export const optionalInstant = { type: 'timestamptz', nullable: true } as const;
export const optionalJson = { type: 'jsonb', nullable: true } as const;
