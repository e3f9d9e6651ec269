/** Records of one run of the training graph. */
export const RECORDS_PER_RUN = 64;

/**
 * Most records of a group on average: few groups need a second run. One passes the 109 records up to which `sensitivityOf` holds with
 * a probability below 1e-13 (Poisson tail); the mean itself holds up to 1e-15, see `groupCount`.
 */
const GROUP_RECORDS = 48;

/** Deviations by which the rows may exceed their noised count: a Gaussian falls further with a probability below 1e-15. */
const DEVIATIONS = 8;

/**
 * Groups into which a sample is dealt before it is summed. It follows from public numbers alone: with a count that depended
 * on the sample, a record more could change all groups. From above, because a noised count may lie far below the rows.
 */
export function groupCount(samplingRate: number, count: RecordCount): number {
  return Math.ceil((samplingRate * mostRecords(count)) / GROUP_RECORDS);
}

/**
 * Rows up to which groups stay this small. A table may grow past it after it was counted and is refused then: to leave rows
 * out would let one record push out another and change two groups. A table that did not grow is refused with a probability
 * below 1e-15; the refusal of one that did tells, without noise, the one bit that it is above this public bound.
 */
export function mostRecords({ noisedRecordCount, recordCountNoise }: RecordCount): number {
  return noisedRecordCount + DEVIATIONS * recordCountNoise;
}

/** A record count as released, and the standard deviation of its noise. */
interface RecordCount {
  readonly noisedRecordCount: number;
  readonly recordCountNoise: number;
}
