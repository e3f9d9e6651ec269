import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Sites serve several models; the largest ε a site ever reported is kept. */
export class SiteStatus20261127010000 implements MigrationInterface {
  name = 'SiteStatus20261127010000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE sites ADD COLUMN epsilon_highest double precision;
      UPDATE sites SET epsilon_highest = (status->>'epsilonSpent')::double precision;
      UPDATE sites SET status = status || jsonb_build_object(
        'serving', CASE WHEN status ? 'serving' THEN jsonb_build_array(status->'serving' || '{"releaseCounter": null, "expired": false}') ELSE '[]' END,
        'notServing', '[]'::jsonb) WHERE status IS NOT NULL`);
  }

  /** The version before knows one model per site, and of its status only what it had then. */
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      UPDATE sites SET status = (status - 'serving' - 'notServing' - 'clockAheadMs') || CASE WHEN jsonb_array_length(status->'serving') > 0
        THEN jsonb_build_object('serving', (status->'serving'->-1) - 'releaseCounter' - 'expired') ELSE '{}' END WHERE status IS NOT NULL;
      ALTER TABLE sites DROP COLUMN epsilon_highest`);
  }
}
