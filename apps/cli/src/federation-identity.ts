import { isDeepStrictEqual } from 'node:util';
import { sha256Schema, storedFederationSchema, type Federation } from '@koinon/contracts';
import { z } from 'zod';

/** What makes a federation of this machine this one: its recipe, and the digests of the tables whose records pay for it. */
export const identitySchema = z.object({
  spec: storedFederationSchema,
  seed: z.int().nullable(),
  insecureDeterministic: z.boolean(),
  data: z.record(z.string(), sha256Schema.nullable()),
});
export type FederationIdentity = z.infer<typeof identitySchema>;

/** A file that only changed its name changes nothing. */
export const withoutFileNames = (spec: Federation): Federation => ({
  ...spec,
  model: { ...spec.model, file: '' },
  records: '',
});

export const isSameRecipe = (one: Federation, other: Federation): boolean =>
  isDeepStrictEqual(withoutFileNames(one), withoutFileNames(other));

export function isSameFederation(
  { spec: one, ...ofOne }: FederationIdentity,
  { spec: other, ...ofOther }: FederationIdentity,
): boolean {
  return isSameRecipe(one, other) && isDeepStrictEqual(ofOne, ofOther);
}
