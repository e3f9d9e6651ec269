import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Each table has one module that writes it: refusals by what is refused, and what sites report apart from who they are. */
export class OneWriter20261128030000 implements MigrationInterface {
  readonly name = 'OneWriter20261128030000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE epoch_refusals (
        epoch_id uuid NOT NULL CONSTRAINT epoch_refusals_epoch_fk REFERENCES epochs, site text NOT NULL, code text NOT NULL, detail text,
        CONSTRAINT epoch_refusals_pk PRIMARY KEY (epoch_id, site));
      CREATE TABLE sum_refusals (
        sum_id uuid NOT NULL CONSTRAINT sum_refusals_sum_fk REFERENCES sums, site text NOT NULL, code text NOT NULL, detail text,
        CONSTRAINT sum_refusals_pk PRIMARY KEY (sum_id, site));
      INSERT INTO epoch_refusals SELECT subject_id, site, code, detail FROM refusals WHERE subject = 'epoch';
      INSERT INTO sum_refusals SELECT subject_id, site, code, detail FROM refusals WHERE subject = 'sum';
      DROP TABLE refusals;
      CREATE TABLE site_status (
        site text NOT NULL CONSTRAINT site_status_site_fk REFERENCES sites, status jsonb NOT NULL, epsilon_highest double precision NOT NULL,
        CONSTRAINT site_status_pk PRIMARY KEY (site));
      INSERT INTO site_status SELECT id, status, coalesce(epsilon_highest, 0) FROM sites WHERE status IS NOT NULL;
      ALTER TABLE sites DROP COLUMN status, DROP COLUMN epsilon_highest;`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      ALTER TABLE sites ADD COLUMN status jsonb, ADD COLUMN epsilon_highest double precision;
      UPDATE sites SET status = s.status, epsilon_highest = s.epsilon_highest FROM site_status s WHERE s.site = sites.id;
      DROP TABLE site_status;
      CREATE TABLE refusals (
        subject text NOT NULL, subject_id uuid NOT NULL, site text NOT NULL, code text NOT NULL, detail text,
        CONSTRAINT refusals_pk PRIMARY KEY (subject, subject_id, site));
      INSERT INTO refusals SELECT 'epoch', epoch_id, site, code, detail FROM epoch_refusals;
      INSERT INTO refusals SELECT 'sum', sum_id, site, code, detail FROM sum_refusals;
      DROP TABLE sum_refusals;
      DROP TABLE epoch_refusals;`);
  }
}
