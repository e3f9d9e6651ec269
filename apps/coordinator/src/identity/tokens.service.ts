import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError } from '@koinon/contracts';
import { Not, type DataSource } from 'typeorm';
import { CONFIG, type Config } from '../platform/config.js';
import { ApiTokenRow } from './identity.entities.js';
import { keptFile } from '../platform/kept-file.js';

const digest = (token: string): string => createHash('sha256').update(token).digest('hex');
const SCHEME = 'Bearer ';
const TOKEN = /^[\w-]{20,200}$/;
const scopes = ['operator', 'viewer'] as const;

/**
 * Scoped API tokens. Only digests are stored, so a look-up by digest leaks nothing through timing.
 * The first two tokens are written to `<home>/<scope>.token`, readable by the owner alone.
 * One that is removed there is replaced at the next start and opens nothing from then on.
 */
@Injectable()
export class TokensService implements OnModuleInit {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @InjectDataSource() private readonly database: DataSource,
  ) {}

  /** @throws CodedError TOKEN_FILE_DAMAGED, DISK_FULL, HOME_NOT_WRITABLE */
  async onModuleInit(): Promise<void> {
    for (const scope of scopes) {
      const text = await keptFile(
        join(this.config.home, `${scope}.token`),
        async () => `${randomBytes(32).toString('base64url')}\n`,
      );
      const token = text.trim();
      if (!TOKEN.test(token)) throw new CodedError('TOKEN_FILE_DAMAGED', `${scope}.token`);
      const row = { sha256: digest(token), name: scope, scope };
      await this.database.transaction(async (m) => {
        await m.upsert(ApiTokenRow, row, ['sha256']);
        await m.delete(ApiTokenRow, { ...row, sha256: Not(row.sha256) });
      });
    }
  }

  /** @throws CodedError UNAUTHENTICATED */
  async identify(header: string | undefined): Promise<ApiTokenRow> {
    const token = header?.startsWith(SCHEME) ? header.slice(SCHEME.length) : '';
    const row = TOKEN.test(token)
      ? await this.database.getRepository(ApiTokenRow).findOneBy({ sha256: digest(token) })
      : null;
    if (!row) throw new CodedError('UNAUTHENTICATED');
    return row;
  }
}
