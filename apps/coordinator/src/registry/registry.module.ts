import { Module } from '@nestjs/common';
import { AliasesService } from './aliases.service.js';
import { RegistryController } from './registry.controller.js';
import { RegistryService } from './registry.service.js';
import { VersionsService } from './versions.service.js';

@Module({ providers: [AliasesService, VersionsService], exports: [AliasesService, VersionsService] })
export class RegistryModule {}

@Module({ controllers: [RegistryController], providers: [RegistryService], exports: [RegistryService] })
export class RegistryHttpModule {}
