import { Module } from '@nestjs/common';
import { FederationsHttpModule } from '../federations/federations.module.js';
import { RegistryHttpModule } from '../registry/registry.module.js';
import { AssignmentsService } from './assignments.service.js';
import { SitesController } from './sites.controller.js';
import { SitesService } from './sites.service.js';

@Module({
  imports: [FederationsHttpModule, RegistryHttpModule],
  controllers: [SitesController],
  providers: [AssignmentsService, SitesService],
})
export class FleetHttpModule {}
