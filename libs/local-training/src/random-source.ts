import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import type { RandomBytes } from '@koinon/privacy';

/** What may decide where a job's randomness comes from. */
export interface Repeatability {
  readonly seed?: number;
  readonly insecureDeterministic?: boolean;
  readonly noiseMultiplier: number;
  /** Keeps the streams of sites and rounds apart. */
  readonly stream: string;
}

/**
 * The bytes behind sampling and noise. Both are secrets of a private run: the sample is what amplifies privacy.
 * So a seed is honoured only where no privacy is claimed (no noise) or is given up by name.
 */
export function randomSource({ seed, insecureDeterministic, noiseMultiplier, stream }: Repeatability): RandomBytes {
  if (seed === undefined || (noiseMultiplier > 0 && insecureDeterministic !== true)) return randomBytes;
  return seededBytes(seed, stream);
}

/** AES-256-CTR keystream under SHA-256(seed, stream): repeatable on every machine, and never a secret. */
export function seededBytes(seed: number, stream: string): RandomBytes {
  const key = createHash('sha256')
    .update(JSON.stringify([seed, stream]))
    .digest();
  const keystream = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  return (count) => keystream.update(Buffer.alloc(count));
}
