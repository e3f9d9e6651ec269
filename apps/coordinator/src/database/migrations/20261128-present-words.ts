import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Words of `federation.yaml` and of metrics as they are called since protocol 2. Lineage is signed and stays as it was written. */
export class PresentWords20261128050000 implements MigrationInterface {
  name = 'PresentWords20261128050000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      UPDATE runs SET spec = (spec - 'features') || jsonb_build_object('task', 'binary', 'records', spec->'features',
        'model', ${renamed("spec->'model'", 'logits', 'output')},
        'sites', ${renamed("spec->'sites'", 'maxRows', 'maxRecords')},
        'privacy', ${renamed("spec->'privacy'", 'rowCountNoise', 'recordCountNoise')}) WHERE spec ? 'features';
      UPDATE rounds SET metrics = ${renamed('metrics', 'rows', 'records')} WHERE metrics ? 'rows';
      UPDATE model_versions SET metrics = ${renamed('metrics', 'rows', 'records')} WHERE metrics ? 'rows';`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
      UPDATE runs SET spec = (spec - 'records' - 'task') || jsonb_build_object('features', spec->'records',
        'model', ${renamed("spec->'model'", 'output', 'logits')},
        'sites', ${renamed("spec->'sites'", 'maxRecords', 'maxRows')},
        'privacy', ${renamed("spec->'privacy'", 'recordCountNoise', 'rowCountNoise')}) WHERE spec ? 'records';
      UPDATE rounds SET metrics = ${renamed('metrics', 'records', 'rows')} WHERE metrics ? 'records';
      UPDATE model_versions SET metrics = ${renamed('metrics', 'records', 'rows')} WHERE metrics ? 'records';`);
  }
}

const renamed = (object: string, from: string, to: string): string =>
  `((${object}) - '${from}') || jsonb_build_object('${to}', ${object}->'${from}')`;
