import { createHash } from 'node:crypto';
import { canonicalBytes } from '@koinon/signing';
import { sha256Schema } from '@koinon/contracts';
import { z } from 'zod';

const digestOf = (content: object): string => createHash('sha256').update(canonicalBytes(content)).digest('hex');

/** JSON that carries the SHA-256 of its canonical content: a bit that flips on the disk is seen when it is read. It is no signature. */
export function withDigest(content: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify({ sha256: digestOf(content), ...content }, null, 1)}\n`;
}

/** The content of `withDigest`. @throws Error when it is not what was written */
export function checkDigest(text: string): unknown {
  const { sha256, ...content } = z.looseObject({ sha256: sha256Schema }).parse(JSON.parse(text));
  if (digestOf(content) !== sha256) throw new Error('the content does not have its digest');
  return content;
}
