import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, type ModelView, type VersionDetail, type VersionView } from '@koinon/contracts';
import type { DataSource } from 'typeorm';
import { ModelAliasRow, ModelVersionRow } from './registry.entities.js';
import { SiteRow } from '../identity/identity.entities.js';

/** What the registry shows: versions, their aliases, lineage, and who serves them now. */
@Injectable()
export class RegistryService {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  async models(): Promise<ModelView[]> {
    const names: { model: string }[] = await this.database.manager
      .createQueryBuilder(ModelVersionRow, 'v')
      .select('DISTINCT v.model', 'model')
      .orderBy('v.model')
      .getRawMany();
    return Promise.all(names.map(({ model }) => this.model(model)));
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
    const aliases = await this.database.manager.findBy(ModelAliasRow, { model: rows[0]!.model });
    const sites = await this.database.manager.find(SiteRow, { order: { id: 'ASC' } });
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
      aliases: aliases.filter((a) => a.version === row.version).map((a) => a.alias),
      servedBy: sites
        .filter((s) => s.status?.serving.some(({ model, version }) => model === row.model && version === row.version))
        .map((s) => s.id),
    }));
  }
}
