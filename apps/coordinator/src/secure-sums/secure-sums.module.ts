import { Module } from '@nestjs/common';
import { AggregationService } from './aggregation.service.js';
import { DecryptionSharesService } from './decryption-shares.service.js';
import { SumCombineHandler } from './jobs/sum-combine.handler.js';
import { SumJobs } from './jobs/sum-jobs.js';
import { SumRootHandler } from './jobs/sum-root.handler.js';
import { SumShardHandler } from './jobs/sum-shard.handler.js';
import { OpeningsService } from './openings.service.js';
import { SecureSumsService } from './secure-sums.service.js';
import { SumTransitions } from './sum-transitions.js';
import { SumsController } from './sums.controller.js';
import { UploadsService } from './uploads.service.js';

const services = [AggregationService, SecureSumsService, SumTransitions];

@Module({ providers: services, exports: services })
export class SecureSumsModule {}

@Module({
  imports: [SecureSumsModule],
  controllers: [SumsController],
  providers: [DecryptionSharesService, OpeningsService, UploadsService],
})
export class SecureSumsHttpModule {}

export const secureSumsHandlers = [SumRootHandler, SumCombineHandler, SumShardHandler];

@Module({ imports: [SecureSumsModule], providers: [SumJobs, ...secureSumsHandlers], exports: secureSumsHandlers })
export class SecureSumsWorkerModule {}
