import { Module, type DynamicModule } from '@nestjs/common';
import {
  FederationsHttpModule,
  FederationsWorkerModule,
  federationsHandlers,
} from './federations/federations.module.js';
import { FleetHttpModule } from './fleet/fleet.module.js';
import { IdentityHttpModule } from './identity/identity.module.js';
import { KeyEpochsHttpModule } from './key-epochs/key-epochs.module.js';
import { JOB_HANDLERS, WorkerService } from './platform/jobs/worker.service.js';
import { PlatformHttpModule, PlatformModule, type Foundations } from './platform/platform.module.js';
import { RegistryHttpModule } from './registry/registry.module.js';
import { SecureSumsHttpModule, SecureSumsWorkerModule, secureSumsHandlers } from './secure-sums/secure-sums.module.js';

/** The HTTP process. */
@Module({})
export class HttpModule {
  static from(foundations: Foundations): DynamicModule {
    return {
      module: HttpModule,
      imports: [
        PlatformModule.from(foundations, 'http'),
        PlatformHttpModule,
        IdentityHttpModule,
        KeyEpochsHttpModule,
        SecureSumsHttpModule,
        RegistryHttpModule,
        FederationsHttpModule,
        FleetHttpModule,
      ],
    };
  }
}

/** The queue process. */
@Module({})
export class WorkerModule {
  static from(foundations: Foundations): DynamicModule {
    return {
      module: WorkerModule,
      imports: [PlatformModule.from(foundations, 'worker'), SecureSumsWorkerModule, FederationsWorkerModule],
      providers: [
        WorkerService,
        {
          provide: JOB_HANDLERS,
          useFactory: (...all: unknown[]) => all,
          inject: [...secureSumsHandlers, ...federationsHandlers],
        },
      ],
    };
  }
}
