import { Module } from '@nestjs/common';
import { RegistryController } from './registry.controller.js';
import { RegistryService } from './registry.service.js';
import { VersionsService } from './versions.service.js';

@Module({ providers: [VersionsService], exports: [VersionsService] })
export class RegistryModule {}

@Module({ controllers: [RegistryController], providers: [RegistryService], exports: [RegistryService] })
export class RegistryHttpModule {}
