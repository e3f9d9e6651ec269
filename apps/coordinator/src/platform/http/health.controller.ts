import { Controller, Inject } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { CodedError, routes } from '@koinon/contracts';
import type { DataSource } from 'typeorm';
import { QUEUE_BACKEND, type QueueBackend } from '../jobs/backend.js';
import { within } from '../within.js';
import { Route } from './route.decorator.js';

/** Below what asks for readiness (a container's check, 4 s). A database all of whose connections are busy for so long is not ready either. */
const READY_WITHIN_MS = 3_000;

@Controller()
export class HealthController {
  constructor(
    @InjectDataSource() private readonly database: DataSource,
    @Inject(QUEUE_BACKEND) private readonly queues: QueueBackend,
  ) {}

  @Route(routes.live)
  live() {
    return { live: true } as const;
  }

  /** @throws CodedError DATABASE_UNREACHABLE, REDIS_UNREACHABLE, REDIS_EVICTS */
  @Route(routes.ready)
  async ready() {
    const asked = this.database.query('SELECT 1').catch(() => {
      throw new CodedError('DATABASE_UNREACHABLE');
    });
    await within(READY_WITHIN_MS, asked, 'DATABASE_UNREACHABLE');
    await within(READY_WITHIN_MS, this.queues.ping(), 'REDIS_UNREACHABLE');
    return { ready: true } as const;
  }
}
