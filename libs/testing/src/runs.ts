/** How much longer `npm run test:long` tries what `npm test` samples. */
export const longFactor = process.env['KOINON_TEST_LONG'] === '1' ? 20 : 1;

/** How often a property is tried: `usual` times in `npm test`. */
export const runs = (usual: number): number => usual * longFactor;
