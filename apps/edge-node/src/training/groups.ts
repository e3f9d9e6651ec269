/** Records of one run of the training graph. */
export const recordsPerRun = 64;

/**
 * Most records of a group on average: few groups need a second run. One passes the 109 records up to which `sensitivityOf` holds with
 * a probability below 1e-13 (Poisson tail); the mean itself holds up to 1e-15, see `groupCount`.
 */
const groupRecords = 48;

/** Deviations by which the rows may exceed their noised count: a Gaussian falls further with a probability below 1e-15. */
const deviations = 8;

/**
 * Groups into which a sample is dealt before it is summed. It follows from public numbers alone: with a count that depended
 * on the sample, a record more could change all groups. From above, because a noised count may lie far below the rows.
 */
export function groupCount(samplingRate: number, { noisedRowCount, rowCountNoise }: { noisedRowCount: number; rowCountNoise: number }): number {
  return Math.ceil((samplingRate * (noisedRowCount + deviations * rowCountNoise)) / groupRecords);
}
