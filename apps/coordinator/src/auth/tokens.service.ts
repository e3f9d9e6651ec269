import { createHash, randomBytes } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError } from '@koinon/contracts';
import type { DataSource } from 'typeorm';
import { CONFIG, type Config } from '../config.js';
import { ApiTokenRow } from '../database/entities.js';

const digest = (token: string): string => createHash('sha256').update(token).digest('hex');
const scopes = ['operator', 'viewer'] as const;

/**
 * Scoped API tokens. Only digests are stored, so a look-up by digest leaks nothing through timing.
 * The first two tokens are written to `<home>/<scope>.token`, readable by the owner alone.
 */
@Injectable()
export class TokensService implements OnModuleInit {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @InjectDataSource() private readonly database: DataSource,
  ) {}

  async onModuleInit(): Promise<void> {
    for (const scope of scopes) {
      const token = await this.tokenFile(join(this.config.home, `${scope}.token`));
      await this.database.getRepository(ApiTokenRow).upsert({ sha256: digest(token), name: scope, scope }, ['sha256']);
    }
  }

  /** @throws CodedError UNAUTHENTICATED */
  async identify(header: string | undefined): Promise<ApiTokenRow> {
    const token = /^Bearer ([\w-]{20,200})$/.exec(header ?? '')?.[1];
    const row = token ? await this.database.getRepository(ApiTokenRow).findOneBy({ sha256: digest(token) }) : null;
    if (!row) throw new CodedError('UNAUTHENTICATED');
    return row;
  }

  private async tokenFile(path: string): Promise<string> {
    try {
      return (await readFile(path, 'utf8')).trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    const token = randomBytes(32).toString('base64url');
    await writeFile(path, `${token}\n`, { mode: 0o600, flag: 'wx' });
    await chmod(path, 0o600);
    return token;
  }
}
