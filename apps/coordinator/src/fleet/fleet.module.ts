import { Module } from '@nestjs/common';
import { FederationsModule } from '../federations/federations.module.js';
import { KeyEpochsModule } from '../key-epochs/key-epochs.module.js';
import { AssignmentsService } from './assignments.service.js';
import { SitesController } from './sites.controller.js';
import { SitesService } from './sites.service.js';

@Module({
  imports: [FederationsModule, KeyEpochsModule],
  controllers: [SitesController],
  providers: [AssignmentsService, SitesService],
})
export class FleetHttpModule {}
