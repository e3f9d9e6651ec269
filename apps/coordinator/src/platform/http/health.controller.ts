import { Controller, Get, Inject } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError } from '@koinon/contracts';
import type { DataSource } from 'typeorm';
import { Allow } from './allow.decorator.js';
import { QUEUE_BACKEND, type QueueBackend } from '../jobs/backend.js';
import { within } from '../within.js';

/** Below what asks for readiness (a container's check, 4 s). A database all of whose connections are busy for so long is not ready either. */
const READY_WITHIN_MS = 3_000;

@Controller('v1/health')
export class HealthController {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(QUEUE_BACKEND) private readonly queues: QueueBackend,
  ) {}

  @Get('live')
  @Allow('anyone')
  live() {
    return { live: true };
  }

  /** @throws CodedError DATABASE_UNREACHABLE, REDIS_UNREACHABLE, REDIS_EVICTS */
  @Get('ready')
  @Allow('anyone')
  async ready() {
    const asked = this.database.query('SELECT 1').catch(() => {
      throw new CodedError('DATABASE_UNREACHABLE');
    });
    await within(READY_WITHIN_MS, asked, 'DATABASE_UNREACHABLE');
    await within(READY_WITHIN_MS, this.queues.ping(), 'REDIS_UNREACHABLE');
    return { ready: true };
  }
}
