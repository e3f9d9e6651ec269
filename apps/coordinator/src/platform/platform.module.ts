import { join } from 'node:path';
import { Global, Module, type DynamicModule } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { Signer } from '@koinon/signing';
import type { DataSource } from 'typeorm';
import { AuditController } from './audit/audit.controller.js';
import { AuditService } from './audit/audit.service.js';
import { BLOBS, DiskBlobStore } from './blobs/blob-store.js';
import { CONFIG, type Config } from './config.js';
import { COORDINATOR_KEY } from './coordinator-key.js';
import { EventsController } from './events/events.controller.js';
import { EventsService } from './events/events.service.js';
import { HealthController } from './http/health.controller.js';
import { OpenApiController } from './http/openapi.controller.js';
import { QUEUE_BACKEND, type QueueBackend } from './jobs/backend.js';
import { JobFailures } from './jobs/job-failures.service.js';
import { JobsController } from './jobs/jobs.controller.js';
import { JobsService } from './jobs/jobs.service.js';
import { Heartbeat, ROLE, type Role } from './liveness/heartbeat.service.js';

/** What both processes stand on, opened before Nest starts so that failures have a code. */
export interface Foundations {
  readonly config: Config;
  readonly database: DataSource;
  readonly queues: QueueBackend;
  readonly signer: Signer;
}

/** What every other module may use without saying so; it knows none of them. */
@Global()
@Module({})
export class PlatformModule {
  static from({ config, database, queues, signer }: Foundations, role: Role): DynamicModule {
    const opened = [
      { provide: CONFIG, useValue: config },
      { provide: QUEUE_BACKEND, useValue: queues },
      { provide: COORDINATOR_KEY, useValue: signer },
      { provide: ROLE, useValue: role },
      { provide: BLOBS, useFactory: () => new DiskBlobStore(join(config.home, 'blobs')) },
    ];
    const services = [AuditService, EventsService, Heartbeat, JobFailures, JobsService];
    return {
      module: PlatformModule,
      imports: [
        TypeOrmModule.forRootAsync({
          useFactory: () => ({ ...database.options }),
          dataSourceFactory: () => Promise.resolve(database),
        }),
      ],
      providers: [...opened, ...services],
      exports: [...opened, ...services],
    };
  }
}

@Module({ controllers: [AuditController, EventsController, HealthController, JobsController, OpenApiController] })
export class PlatformHttpModule {}
