/** Reading lineage: ancestors of a version and what its signed statement says. Pure. */
import { canonicalBytes, fromBase64 } from '@koinon/signing';
import { lineageSchema, type Envelope, type ModelView, type VersionDetail, type VersionView } from '@koinon/contracts';

/** The chain of base versions from the first to this one. */
export function ancestorsOf(versions: readonly VersionView[], version: number): VersionView[] {
  const byNumber = new Map(versions.map((v) => [v.version, v]));
  const chain: VersionView[] = [];
  // A base is always older; anything else would loop.
  for (let v = byNumber.get(version); v;) {
    chain.unshift(v);
    v = v.baseVersion !== null && v.baseVersion < v.version ? byNumber.get(v.baseVersion) : undefined;
  }
  return chain;
}

/** What sites answer with now, newest version first; empty when nobody serves. */
export function servedVersions(model: ModelView): VersionView[] {
  return model.versions.filter((v) => v.servedBy.length > 0).sort((a, b) => b.version - a.version);
}

export type StatementCheck = 'matches' | 'differs' | 'unreadable';

/**
 * Compares what was signed with what the page shows: the subject's SHA-256 with the version's, the predicate
 * with the lineage, byte for byte in canonical form. The signature itself needs the coordinator's public key.
 */
export function checkStatement(detail: Pick<VersionDetail, 'sha256' | 'lineage' | 'statement'>): StatementCheck {
  const statement = openUnchecked(detail.statement);
  if (!statement) return 'unreadable';
  const subjects = Array.isArray(statement['subject']) ? (statement['subject'] as unknown[]) : [];
  const named = subjects.some((s) => (s as { digest?: { sha256?: unknown } } | null)?.digest?.sha256 === detail.sha256);
  // Fields a newer coordinator signs are not shown here and therefore not compared.
  const predicate = lineageSchema.safeParse(statement['predicate']);
  return named && predicate.success && sameJson(predicate.data, detail.lineage) ? 'matches' : 'differs';
}

function openUnchecked(envelope: Envelope): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(fromBase64(envelope.payload)));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function sameJson(a: unknown, b: unknown): boolean {
  const [left, right] = [canonicalBytes(a), canonicalBytes(b)];
  return left.length === right.length && left.every((byte, i) => byte === right[i]);
}
