import { Module } from '@nestjs/common';
import { RegistryModule } from '../registry/registry.module.js';
import { ReleasesService } from './releases.service.js';

@Module({ imports: [RegistryModule], providers: [ReleasesService], exports: [ReleasesService] })
export class ReleasesModule {}
