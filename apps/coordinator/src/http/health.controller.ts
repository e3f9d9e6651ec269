import { Controller, Get } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError } from '@koinon/contracts';
import type { DataSource } from 'typeorm';
import { Allow } from '../auth/allow.decorator.js';

@Controller('v1/health')
export class HealthController {
  constructor(@InjectDataSource() private readonly database: DataSource) {}

  @Get('live')
  @Allow('anyone')
  live() {
    return { live: true };
  }

  @Get('ready')
  @Allow('anyone')
  async ready() {
    await this.database.query('SELECT 1').catch(() => {
      throw new CodedError('DATABASE_UNREACHABLE');
    });
    return { ready: true };
  }
}
