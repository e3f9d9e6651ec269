import type { MigrationInterface, QueryRunner } from 'typeorm';

const INSIDE = "('closing', 'aggregating', 'decrypting')";

/** A round no longer repeats what its sum is doing: those states and their times are the sum's. Uploads may exceed 32 bits. */
export class RoundStates20261128020000 implements MigrationInterface {
  readonly name = 'RoundStates20261128020000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE uploads ALTER COLUMN bytes TYPE bigint;
      ALTER TABLE sums ADD COLUMN timeline jsonb NOT NULL DEFAULT '[]';
      UPDATE sums SET timeline = coalesce((
        SELECT jsonb_agg(entry ORDER BY place) FROM jsonb_array_elements(r.timeline) WITH ORDINALITY AS t (entry, place)
        WHERE entry ->> 'state' IN ${INSIDE}), '[]')
      FROM rounds r WHERE r.id = sums.round_id AND r.epoch_id = sums.epoch_id AND sums.purpose = 'update';
      UPDATE rounds SET
        state = CASE WHEN state IN ${INSIDE} THEN 'collecting' ELSE state END,
        timeline = coalesce((
          SELECT jsonb_agg(entry ORDER BY place) FROM jsonb_array_elements(timeline) WITH ORDINALITY AS t (entry, place)
          WHERE entry ->> 'state' NOT IN ${INSIDE}), '[]');`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      UPDATE rounds SET
        state = CASE WHEN rounds.state = 'collecting' THEN last.state ELSE rounds.state END, timeline = last.timeline
      FROM sums s, LATERAL (
        SELECT jsonb_agg(entry ORDER BY entry ->> 'at') AS timeline,
          coalesce((array_agg(entry ->> 'state' ORDER BY entry ->> 'at' DESC))[1], 'collecting') AS state
        FROM (
          SELECT jsonb_array_elements(r.timeline) AS entry FROM rounds r WHERE r.id = s.round_id
          UNION ALL SELECT entry FROM jsonb_array_elements(s.timeline) AS t (entry) WHERE entry ->> 'state' IN ${INSIDE}
        ) AS entries
      ) AS last
      WHERE s.round_id = rounds.id AND s.epoch_id = rounds.epoch_id AND s.purpose = 'update';
      ALTER TABLE sums DROP COLUMN timeline;
      ALTER TABLE uploads ALTER COLUMN bytes TYPE integer;`);
  }
}
