import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { join } from 'node:path';
import type { Signer } from '@koinon/signing';
import type { DataSource } from 'typeorm';
import { SumCloseHandler, SumCombineHandler, SumJobs, SumShardHandler } from './aggregation/aggregation.handlers.js';
import { ClosingService } from './aggregation/closing.service.js';
import { SumTransitions } from './aggregation/sum-transitions.js';
import { SumsController } from './aggregation/sums.controller.js';
import { UploadsService } from './aggregation/uploads.service.js';
import { AuditController } from './audit/audit.controller.js';
import { AuditService } from './audit/audit.service.js';
import { Authenticator } from './auth/authenticator.js';
import { NoncesService } from './auth/nonces.service.js';
import { SiteRequestVerifier } from './auth/site-request.verifier.js';
import { TokensService } from './auth/tokens.service.js';
import { BLOBS, DiskBlobStore } from './blobs/blob-store.js';
import { CONFIG, type Config } from './config.js';
import { EventsController } from './events/events.controller.js';
import { EventsService } from './events/events.service.js';
import { HealthController } from './http/health.controller.js';
import { QUEUE_BACKEND, type QueueBackend } from './jobs/backend.js';
import { Heartbeat, ROLE } from './liveness/heartbeat.service.js';
import { JobFailures } from './jobs/job-failures.service.js';
import { JobsController } from './jobs/jobs.controller.js';
import { JobsService } from './jobs/jobs.service.js';
import { JOB_HANDLERS, WorkerService } from './jobs/worker.service.js';
import { EpochTransitions } from './keys/epoch-transitions.js';
import { EpochsController } from './keys/epochs.controller.js';
import { EpochsService } from './keys/epochs.service.js';
import { RecipeChecks } from './recipe/recipe-checks.service.js';
import { COORDINATOR_KEY } from './registry/coordinator-key.js';
import { RegistryController } from './registry/registry.controller.js';
import { RegistryService } from './registry/registry.service.js';
import { VersionsService } from './registry/versions.service.js';
import { ReleasesService } from './releases/releases.service.js';
import { ClearRoundsService } from './rounds/clear-rounds.service.js';
import { EpsilonService } from './rounds/epsilon.service.js';
import { FederationDriver } from './rounds/federation.driver.js';
import { RoundTransitions } from './rounds/round-transitions.js';
import { RunTransitions } from './rounds/run-transitions.js';
import { RoundUpdateHandler } from './rounds/round-update.handler.js';
import { ReconcileHandler, RunAdvanceHandler } from './rounds/run-advance.handler.js';
import { RunsController } from './rounds/runs.controller.js';
import { RunsService } from './rounds/runs.service.js';
import { AssignmentsService } from './sites/assignments.service.js';
import { SitesController } from './sites/sites.controller.js';
import { SitesService } from './sites/sites.service.js';

/** What both processes stand on, opened before Nest starts so that failures have a code. */
export interface Foundations {
  readonly config: Config;
  readonly database: DataSource;
  readonly queues: QueueBackend;
  readonly signer: Signer;
}

const shared = [
  AuditService,
  ClosingService,
  EpochTransitions,
  EpochsService,
  EpsilonService,
  EventsService,
  Heartbeat,
  JobFailures,
  JobsService,
  ReleasesService,
  RoundTransitions,
  RunTransitions,
  SumTransitions,
  VersionsService,
];

function foundation({
  config,
  database,
  queues,
  signer,
}: Foundations): Pick<DynamicModule, 'imports' | 'providers'> & { providers: Provider[] } {
  return {
    imports: [
      TypeOrmModule.forRootAsync({
        useFactory: () => ({ ...database.options }),
        dataSourceFactory: () => Promise.resolve(database),
      }),
    ],
    providers: [
      { provide: CONFIG, useValue: config },
      { provide: QUEUE_BACKEND, useValue: queues },
      { provide: COORDINATOR_KEY, useValue: signer },
      { provide: BLOBS, useFactory: () => new DiskBlobStore(join(config.home, 'blobs')) },
      ...shared,
    ],
  };
}

/** The HTTP process. */
@Module({})
export class HttpModule {
  static from(foundations: Foundations): DynamicModule {
    const { imports, providers } = foundation(foundations);
    return {
      module: HttpModule,
      imports: imports!,
      controllers: [
        AuditController,
        EpochsController,
        EventsController,
        HealthController,
        JobsController,
        RegistryController,
        RunsController,
        SitesController,
        SumsController,
      ],
      providers: [
        ...providers,
        { provide: ROLE, useValue: 'http' },
        AssignmentsService,
        Authenticator,
        NoncesService,
        RecipeChecks,
        RegistryService,
        RunsService,
        SiteRequestVerifier,
        SitesService,
        TokensService,
        UploadsService,
      ],
    };
  }
}

/** The queue process. */
@Module({})
export class WorkerModule {
  static from(foundations: Foundations): DynamicModule {
    const { imports, providers } = foundation(foundations);
    const handlers = [
      ReconcileHandler,
      RoundUpdateHandler,
      RunAdvanceHandler,
      SumCloseHandler,
      SumCombineHandler,
      SumShardHandler,
    ];
    return {
      module: WorkerModule,
      imports: imports!,
      providers: [
        ...providers,
        { provide: ROLE, useValue: 'worker' },
        ClearRoundsService,
        FederationDriver,
        SumJobs,
        ...handlers,
        WorkerService,
        { provide: JOB_HANDLERS, useFactory: (...all: unknown[]) => all, inject: handlers },
      ],
    };
  }
}
