/**
 * How many key holders decrypt a sum together. Any two groups of more than half share a member, and an honest one gives
 * one decryption share per sum: with less, two disjoint groups could decrypt over two lists, whose difference is one site.
 */
import { z } from 'zod';
import { CodedError } from './errors.js';

export const thresholdSchema = z.union([z.literal('majority'), z.int().min(2)]);
export type Threshold = z.infer<typeof thresholdSchema>;

/** ⌊m/2⌋ + 1 */
export const majorityOf = (holders: number): number => Math.floor(holders / 2) + 1;

/** The threshold of a key epoch with this many key holders: what was asked for, never below their majority. */
export function thresholdOf(asked: Threshold, holders: number): number {
  return asked === 'majority' ? majorityOf(holders) : Math.max(asked, majorityOf(holders));
}

/** @throws CodedError REQUEST_INVALID when a number asked for is no majority of the sites that could hold the key */
export function checkThreshold(asked: Threshold, sites: number): void {
  if (asked === 'majority' || asked >= majorityOf(sites)) return;
  const message = `${asked} of ${sites} sites are no majority: two groups could decrypt over two lists that differ in one site; say majority or ${majorityOf(sites)}`;
  throw new CodedError('REQUEST_INVALID', `sites.threshold: ${message}`, [{ path: 'spec.sites.threshold', message }]);
}
