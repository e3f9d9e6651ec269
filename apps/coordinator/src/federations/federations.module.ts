import { Module } from '@nestjs/common';
import { KeyEpochsModule } from '../key-epochs/key-epochs.module.js';
import { RegistryModule } from '../registry/registry.module.js';
import { ReleasesModule } from '../releases/releases.module.js';
import { SecureSumsModule } from '../secure-sums/secure-sums.module.js';
import { FederationDriver } from './driver/federation.driver.js';
import { PauseExtensions } from './driver/pause-extensions.service.js';
import { ReconcileHandler, RunAdvanceHandler } from './driver/run-advance.handler.js';
import { RecipeChecks } from './recipe/recipe-checks.service.js';
import { ClearRoundsService } from './rounds/clear-rounds.service.js';
import { Refusals } from './rounds/refusals.service.js';
import { RoundPlanner } from './rounds/round-planner.service.js';
import { RoundResultsService } from './rounds/round-results.service.js';
import { RoundSteps } from './rounds/round-steps.service.js';
import { RoundTransitions } from './rounds/round-transitions.js';
import { RoundUpdateHandler } from './rounds/round-update.handler.js';
import { EpsilonService } from './runs/epsilon.service.js';
import { RunTransitions } from './runs/run-transitions.js';
import { RunViews } from './runs/run-views.service.js';
import { RunsController } from './runs/runs.controller.js';
import { RunsService } from './runs/runs.service.js';

@Module({
  imports: [KeyEpochsModule, RegistryModule, SecureSumsModule],
  providers: [EpsilonService, PauseExtensions, RoundTransitions, RunTransitions],
  exports: [EpsilonService, RegistryModule, RoundTransitions, RunTransitions],
})
export class FederationsModule {}

@Module({
  imports: [FederationsModule, KeyEpochsModule, SecureSumsModule],
  controllers: [RunsController],
  providers: [RecipeChecks, Refusals, RunViews, RunsService],
  exports: [Refusals],
})
export class FederationsHttpModule {}

export const federationsHandlers = [ReconcileHandler, RoundUpdateHandler, RunAdvanceHandler];

@Module({
  imports: [FederationsModule, KeyEpochsModule, ReleasesModule, SecureSumsModule],
  providers: [
    ClearRoundsService,
    FederationDriver,
    RoundPlanner,
    RoundResultsService,
    RoundSteps,
    ...federationsHandlers,
  ],
  exports: federationsHandlers,
})
export class FederationsWorkerModule {}
