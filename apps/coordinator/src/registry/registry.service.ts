import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, type ModelView, type VersionDetail, type VersionView } from '@koinon/contracts';
import { In, type DataSource } from 'typeorm';
import { ModelAliasRow, ModelVersionRow } from './registry.entities.js';

/** A site that serves a version. */
export interface Serving {
  readonly site: string;
  readonly model: string;
  readonly version: number;
}

/** What the registry shows: versions, their aliases, lineage, and who serves them now. */
@Injectable()
export class RegistryService {
  /** Who serves what now: set by the module to which sites report it. */
  serving!: () => Promise<Serving[]>;

  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async models(): Promise<ModelView[]> {
    const rows = await this.database.manager.find(ModelVersionRow, { order: { model: 'ASC', version: 'DESC' } });
    const views = await this.views(rows);
    return [...Map.groupBy(views, (view) => view.model)].map(([name, versions]) => ({ name, versions }));
  }

  async model(name: string): Promise<ModelView> {
    const rows = await this.database.manager.find(ModelVersionRow, {
      where: { model: name },
      order: { version: 'DESC' },
    });
    if (rows.length === 0) throw new CodedError('NOT_FOUND');
    return { name, versions: await this.views(rows) };
  }

  async version(name: string, version: number): Promise<VersionDetail> {
    const row = await this.database.manager.findOneBy(ModelVersionRow, { model: name, version });
    if (!row) throw new CodedError('NOT_FOUND');
    const [view] = await this.views([row]);
    return { ...view!, lineage: row.lineage, statement: row.statement };
  }

  private async views(rows: readonly ModelVersionRow[]): Promise<VersionView[]> {
    const models = new Set(rows.map((row) => row.model));
    const aliases = await this.database.manager.findBy(ModelAliasRow, { model: In([...models]) });
    const serving = await this.serving();
    return rows.map((row) => ({
      model: row.model,
      version: row.version,
      sha256: row.sha256,
      bytes: row.bytes,
      createdAt: row.createdAt.toISOString(),
      baseVersion: row.baseVersion,
      runId: row.runId,
      round: row.round,
      metrics: row.metrics,
      aliases: aliases.filter((a) => a.model === row.model && a.version === row.version).map((a) => a.alias),
      servedBy: serving.filter((s) => s.model === row.model && s.version === row.version).map((s) => s.site),
    }));
  }
}
