import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { join } from 'node:path';
import type { Signer } from '@koinon/signing';
import type { DataSource } from 'typeorm';
import { SumCloseHandler, SumCombineHandler, SumJobs, SumShardHandler } from './secure-sums/secure-sums.handlers.js';
import { ClosingService } from './secure-sums/closing.service.js';
import { SumTransitions } from './secure-sums/sum-transitions.js';
import { SumsController } from './secure-sums/sums.controller.js';
import { UploadsService } from './secure-sums/uploads.service.js';
import { AuditController } from './platform/audit/audit.controller.js';
import { AuditService } from './platform/audit/audit.service.js';
import { Authenticator } from './identity/authenticator.js';
import { NoncesService } from './identity/nonces.service.js';
import { SiteRequestVerifier } from './identity/site-request.verifier.js';
import { TokensService } from './identity/tokens.service.js';
import { BLOBS, DiskBlobStore } from './platform/blobs/blob-store.js';
import { CONFIG, type Config } from './platform/config.js';
import { EventsController } from './platform/events/events.controller.js';
import { EventsService } from './platform/events/events.service.js';
import { HealthController } from './platform/http/health.controller.js';
import { QUEUE_BACKEND, type QueueBackend } from './platform/jobs/backend.js';
import { Heartbeat, ROLE } from './platform/liveness/heartbeat.service.js';
import { JobFailures } from './platform/jobs/job-failures.service.js';
import { JobsController } from './platform/jobs/jobs.controller.js';
import { JobsService } from './platform/jobs/jobs.service.js';
import { JOB_HANDLERS, WorkerService } from './platform/jobs/worker.service.js';
import { EpochTransitions } from './key-epochs/epoch-transitions.js';
import { EpochsController } from './key-epochs/epochs.controller.js';
import { EpochsService } from './key-epochs/epochs.service.js';
import { RecipeChecks } from './federations/recipe/recipe-checks.service.js';
import { COORDINATOR_KEY } from './platform/coordinator-key.js';
import { RegistryController } from './registry/registry.controller.js';
import { RegistryService } from './registry/registry.service.js';
import { VersionsService } from './registry/versions.service.js';
import { ReleasesService } from './releases/releases.service.js';
import { ClearRoundsService } from './federations/rounds/clear-rounds.service.js';
import { EpsilonService } from './federations/runs/epsilon.service.js';
import { FederationDriver } from './federations/driver/federation.driver.js';
import { PauseExtensions } from './federations/driver/pause-extensions.service.js';
import { RoundTransitions } from './federations/rounds/round-transitions.js';
import { RunTransitions } from './federations/runs/run-transitions.js';
import { RoundUpdateHandler } from './federations/rounds/round-update.handler.js';
import { ReconcileHandler, RunAdvanceHandler } from './federations/driver/run-advance.handler.js';
import { RunsController } from './federations/runs/runs.controller.js';
import { RunsService } from './federations/runs/runs.service.js';
import { AssignmentsService } from './fleet/assignments.service.js';
import { SitesController } from './fleet/sites.controller.js';
import { SitesService } from './fleet/sites.service.js';

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
  PauseExtensions,
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
