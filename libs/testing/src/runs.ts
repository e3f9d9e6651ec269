/** How much longer `npm run test:long` tries what `npm test` samples. */
export const longFactor = process.env['KOINON_TEST_LONG'] === '1' ? 20 : 1;

/** How often a property is tried: `usual` times in `npm test`. */
export const runs = (usual: number): number => usual * longFactor;

/** Step through the bits of a file: 7 meets each bit position of some bytes and every byte; `npm run test:long` flips every bit. */
export const bitStep = longFactor === 1 ? 7 : 1;
