import type { Envelope, RosterEntry } from '@koinon/contracts';
import type { KeyEpochHeader } from '@koinon/he';
import type { TaskRequest } from '@koinon/secure-tasks';
import type { EntityManager } from 'typeorm';
import type { FramedRound } from '../federations/rounds/round-frame.js';

/** All that running rounds and released models wait for, of every site. */
export interface OpenWork {
  /** Under way, with a round that is open or between two. */
  readonly runs: readonly string[];
  readonly rounds: readonly OpenRound[];
  readonly releases: readonly DueRelease[];
}

/** A round that is not over, with its present key epoch. */
export interface OpenRound extends FramedRound {
  readonly tasks: readonly TaskRequest[];
  readonly keyEpochId: string;
  readonly header: KeyEpochHeader;
  readonly roster: readonly RosterEntry[];
  /** Index of the step that a ceremony stands in; null once it is over. */
  readonly stepIndex: number | null;
  /** What has arrived of a ceremony that is not over. */
  readonly posted: readonly { readonly step: string; readonly site: string }[];
  readonly refusedBy: readonly string[];
  readonly sums: readonly OpenSum[];
}

/** A sum that waits for uploads or for shares. */
export interface OpenSum {
  readonly sumId: string;
  readonly sumIndex: number;
  readonly state: 'collecting' | 'decrypting';
  readonly cohort: readonly string[];
  readonly modelSha256: string;
  readonly decryptors: readonly string[] | null;
  readonly commitment: Envelope | null;
  readonly uploadedBy: readonly string[];
  readonly sharedBy: readonly string[];
  readonly refusedBy: readonly string[];
  /** What the sites of the commitment signed about their uploads; only where the sum is decrypted. */
  readonly uploads: readonly Envelope[];
}

/** A release that a site does not say it serves, and does not say it never will. */
export interface DueRelease {
  readonly site: string;
  readonly model: string;
  readonly alias: string;
  readonly release: Envelope;
}

const ROUNDS = `
  SELECT run.id AS "runId", r.number, r.tasks, r.counted, run.spec AS federation, run.feature_schema_sha256 AS "recordsSchemaSha256",
    run.noise_multiplier AS "noiseMultiplier", run.seed, e.id AS "keyEpochId", e.header, e.roster,
    CASE e.state WHEN 'running' THEN e.step_index END AS "stepIndex",
    ARRAY(SELECT jsonb_build_object('step', m.step, 'site', m.site) FROM key_epoch_messages m WHERE m.key_epoch_id = e.id AND e.state = 'running') AS posted,
    ARRAY(SELECT f.site FROM key_epoch_refusals f WHERE f.key_epoch_id = e.id) AS "refusedBy",
    ARRAY(SELECT jsonb_build_object(
      'sumId', s.id, 'sumIndex', s.sum_index, 'state', s.state, 'cohort', s.cohort, 'modelSha256', s.model_sha256,
      'decryptors', s.decryptors, 'commitment', s.commitment,
      'uploadedBy', ARRAY(SELECT u.site FROM uploads u WHERE u.sum_id = s.id),
      'sharedBy', ARRAY(SELECT h.site FROM decryption_shares h WHERE h.sum_id = s.id),
      'refusedBy', ARRAY(SELECT f.site FROM sum_refusals f WHERE f.sum_id = s.id),
      'uploads', ARRAY(SELECT u.statement FROM uploads u, jsonb_array_elements(s.uploads) listed
        WHERE s.state = 'decrypting' AND u.sum_id = s.id AND u.site = listed ->> 'site' ORDER BY u.site)
    ) FROM sums s WHERE s.key_epoch_id = e.id AND s.state IN ('collecting', 'decrypting') ORDER BY s.sum_index) AS sums
  FROM runs run LEFT JOIN rounds r ON r.run_id = run.id AND r.state NOT IN ('done', 'failed') LEFT JOIN key_epochs e ON e.id = r.key_epoch_id
  WHERE run.state = 'running' ORDER BY run.started_at, run.id`;

/** Of each model what was released last, whatever its alias is called: a node answers with one version of a model. */
const RELEASES = `
  SELECT site.id AS site, a.model, a.alias, a.release
  FROM (SELECT DISTINCT ON (model) * FROM model_aliases ORDER BY model, release_counter DESC, version DESC) a
    JOIN model_versions v ON v.model = a.model AND v.version = a.version
    JOIN sites site ON site.state = 'enrolled' LEFT JOIN site_status said ON said.site = site.id
  WHERE NOT coalesce(said.status -> 'serving' @> jsonb_build_array(jsonb_build_object(
      'model', a.model, 'version', a.version, 'sha256', v.sha256, 'releaseCounter', a.release_counter)), false)
    AND NOT coalesce(said.status -> 'notServing' @> jsonb_build_array(jsonb_build_object('model', a.model, 'code', 'MODEL_NOT_CONFIGURED')), false)
  ORDER BY a.model`;

/** Two statements, however many sites there are. */
export async function readOpenWork(m: EntityManager): Promise<OpenWork> {
  const [runs, releases] = await Promise.all([
    m.query<(OpenRound | { readonly runId: string; readonly keyEpochId: null })[]>(ROUNDS),
    m.query<DueRelease[]>(RELEASES),
  ]);
  return { runs: runs.map(({ runId }) => runId), rounds: runs.filter((round) => round.keyEpochId !== null), releases };
}
