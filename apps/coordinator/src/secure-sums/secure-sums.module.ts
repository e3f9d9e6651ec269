import { Module } from '@nestjs/common';
import { AggregationService } from './aggregation.service.js';
import { SumRootHandler, SumCombineHandler, SumJobs, SumShardHandler } from './secure-sums.handlers.js';
import { SecureSumsService } from './secure-sums.service.js';
import { SumTransitions } from './sum-transitions.js';
import { SumsController } from './sums.controller.js';
import { UploadsService } from './uploads.service.js';

const services = [AggregationService, SecureSumsService, SumTransitions];

@Module({ providers: services, exports: services })
export class SecureSumsModule {}

@Module({ imports: [SecureSumsModule], controllers: [SumsController], providers: [UploadsService] })
export class SecureSumsHttpModule {}

export const secureSumsHandlers = [SumRootHandler, SumCombineHandler, SumShardHandler];

@Module({ imports: [SecureSumsModule], providers: [SumJobs, ...secureSumsHandlers], exports: secureSumsHandlers })
export class SecureSumsWorkerModule {}
