import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The first tables: sites, runs and rounds, key epochs, secure sums, model versions, audit. */
export class Federation20261123060000 implements MigrationInterface {
  name = 'Federation20261123060000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE sites (
        id text CONSTRAINT sites_pk PRIMARY KEY, name text NOT NULL, state text NOT NULL,
        token_sha256 text, token_expires_at timestamptz, identity_key text, sealing_key text,
        enrolled_at timestamptz, last_seen_at timestamptz, status jsonb);
      CREATE TABLE api_tokens (sha256 text CONSTRAINT api_tokens_pk PRIMARY KEY, name text NOT NULL, scope text NOT NULL);
      CREATE TABLE runs (
        id uuid CONSTRAINT runs_pk PRIMARY KEY, federation text NOT NULL, spec jsonb NOT NULL, model_sha256 text NOT NULL,
        feature_schema_sha256 text NOT NULL, parameters integer NOT NULL, seed integer, noise_multiplier double precision NOT NULL,
        state text NOT NULL, failure jsonb, started_at timestamptz NOT NULL, finished_at timestamptz);
      CREATE UNIQUE INDEX runs_one_active ON runs (federation) WHERE state = 'running';
      CREATE TABLE rounds (
        id uuid CONSTRAINT rounds_pk PRIMARY KEY, run_id uuid NOT NULL CONSTRAINT rounds_run_fk REFERENCES runs, number integer NOT NULL,
        state text NOT NULL, cohort text[] NOT NULL, exclusions jsonb NOT NULL, epoch_id uuid, base_version integer NOT NULL,
        version integer, metrics jsonb, failure jsonb, timeline jsonb NOT NULL, started_at timestamptz NOT NULL, finished_at timestamptz);
      CREATE UNIQUE INDEX rounds_run_number ON rounds (run_id, number);
      CREATE TABLE epochs (
        id uuid CONSTRAINT epochs_pk PRIMARY KEY, round_id uuid NOT NULL CONSTRAINT epochs_round_fk REFERENCES rounds, header jsonb NOT NULL,
        header_sha256 text NOT NULL, roster jsonb NOT NULL, state text NOT NULL, step_index integer NOT NULL,
        step_deadline_at timestamptz NOT NULL, failure jsonb);
      CREATE TABLE epoch_messages (
        epoch_id uuid NOT NULL CONSTRAINT epoch_messages_epoch_fk REFERENCES epochs, step text NOT NULL, site text NOT NULL,
        statement jsonb NOT NULL, CONSTRAINT epoch_messages_pk PRIMARY KEY (epoch_id, step, site));
      CREATE TABLE sums (
        id uuid CONSTRAINT sums_pk PRIMARY KEY, round_id uuid NOT NULL CONSTRAINT sums_round_fk REFERENCES rounds,
        epoch_id uuid NOT NULL CONSTRAINT sums_epoch_fk REFERENCES epochs, purpose text NOT NULL, sum_index integer NOT NULL,
        state text NOT NULL, cohort text[] NOT NULL, length integer NOT NULL, blocks integer NOT NULL, model_sha256 text NOT NULL,
        deadline_at timestamptz NOT NULL, uploads jsonb, active_set text[], sum_root text, closing jsonb,
        combined boolean NOT NULL DEFAULT false, failure jsonb);
      CREATE UNIQUE INDEX sums_epoch_index ON sums (epoch_id, sum_index);
      CREATE TABLE upload_blocks (
        sum_id uuid NOT NULL CONSTRAINT upload_blocks_sum_fk REFERENCES sums, site text NOT NULL, block_index integer NOT NULL,
        sha256 text NOT NULL, CONSTRAINT upload_blocks_pk PRIMARY KEY (sum_id, site, block_index));
      CREATE TABLE uploads (
        sum_id uuid NOT NULL CONSTRAINT uploads_sum_fk REFERENCES sums, site text NOT NULL, root text NOT NULL, bytes integer NOT NULL,
        statement jsonb NOT NULL, CONSTRAINT uploads_pk PRIMARY KEY (sum_id, site));
      CREATE TABLE shares (
        sum_id uuid NOT NULL CONSTRAINT shares_sum_fk REFERENCES sums, site text NOT NULL, sha256 text NOT NULL,
        statement jsonb NOT NULL, CONSTRAINT shares_pk PRIMARY KEY (sum_id, site));
      CREATE TABLE refusals (
        subject text NOT NULL, subject_id uuid NOT NULL, site text NOT NULL, code text NOT NULL, detail text,
        CONSTRAINT refusals_pk PRIMARY KEY (subject, subject_id, site));
      CREATE TABLE model_versions (
        model text NOT NULL, version integer NOT NULL, sha256 text NOT NULL, bytes integer NOT NULL, base_version integer,
        run_id uuid, round integer, lineage jsonb NOT NULL, statement jsonb NOT NULL, metrics jsonb, created_at timestamptz NOT NULL,
        CONSTRAINT model_versions_pk PRIMARY KEY (model, version));
      CREATE TABLE model_aliases (
        model text NOT NULL, alias text NOT NULL, version integer NOT NULL, release_counter integer NOT NULL, release jsonb NOT NULL,
        CONSTRAINT model_aliases_pk PRIMARY KEY (model, alias));
      CREATE TABLE audit_log (
        seq bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT audit_log_pk PRIMARY KEY, at timestamptz NOT NULL, actor text NOT NULL,
        action text NOT NULL, subject text NOT NULL, detail jsonb NOT NULL, previous_hash text NOT NULL, hash text NOT NULL);
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DROP TABLE audit_log, model_aliases, model_versions, refusals, shares, uploads, upload_blocks, sums, epoch_messages,
        epochs, rounds, runs, api_tokens, sites;`);
  }
}
