/** Blob names of a secure sum. */
export const uploadBlockKey = (sumId: string, site: string, index: number): string =>
  `sums/${sumId}/uploads/${site}/${index}`;
export const sumBlockKey = (sumId: string, index: number): string => `sums/${sumId}/sum/${index}`;
export const decryptionShareKey = (sumId: string, site: string): string => `sums/${sumId}/shares/${site}`;
/** Everything of a sum that nobody needs once its round is over. */
export const scratchKeys = (sumId: string): string[] =>
  ['uploads', 'sum', 'shares'].map((part) => `sums/${sumId}/${part}`);
/** Decoded integer sums, little-endian u32. */
export const resultKey = (sumId: string): string => `sums/${sumId}/result`;
