import { Module } from '@nestjs/common';
import { ClosingService } from './closing.service.js';
import { SumCloseHandler, SumCombineHandler, SumJobs, SumShardHandler } from './secure-sums.handlers.js';
import { SecureSumsService } from './secure-sums.service.js';
import { SumTransitions } from './sum-transitions.js';
import { SumsController } from './sums.controller.js';
import { UploadsService } from './uploads.service.js';

const services = [ClosingService, SecureSumsService, SumTransitions];

@Module({ providers: services, exports: services })
export class SecureSumsModule {}

@Module({ imports: [SecureSumsModule], controllers: [SumsController], providers: [UploadsService] })
export class SecureSumsHttpModule {}

export const secureSumsHandlers = [SumCloseHandler, SumCombineHandler, SumShardHandler];

@Module({ imports: [SecureSumsModule], providers: [SumJobs, ...secureSumsHandlers], exports: secureSumsHandlers })
export class SecureSumsWorkerModule {}
