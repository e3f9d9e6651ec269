import type { DataSource } from 'typeorm';

/**
 * Undoes a migration and all after it, and leaves those after it out from now on: what they do to its rows is not under test.
 * @param name of the migration class
 */
export async function undone(source: DataSource, name: string): Promise<void> {
  const at = source.migrations.findIndex((migration) => migration.name === name);
  for (const _ of source.migrations.slice(at)) await source.undoLastMigration();
  source.migrations.splice(at + 1);
}
