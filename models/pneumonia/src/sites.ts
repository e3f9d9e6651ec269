import type { Dataset } from './dataset.js';
import { partition, type PartitionOptions, type SiteRows } from './partition.js';

/** The three sites of the federation, in roster order. They are a partition of one hospital's data, not real hospitals. */
export const sites = [
  { id: 'north', displayName: 'Northern Children’s Hospital' },
  { id: 'harbour', displayName: 'Harbour Paediatric Clinic' },
  { id: 'valley', displayName: 'Valley Infirmary' },
] as const;

export type Site = (typeof sites)[number]['id'];

export const partitionOptions: PartitionOptions = { sites: sites.length, alpha: 0.5, seed: 1, fewestRows: 40 };

/** Which rows each site has. */
export function siteRows({ train, test }: Dataset): Record<Site, SiteRows> {
  const rows = partition(train.labels, test.labels, partitionOptions);
  return Object.fromEntries(sites.map(({ id }, index) => [id, rows[index]])) as Record<Site, SiteRows>;
}
