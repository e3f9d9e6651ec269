import { Module } from '@nestjs/common';
import { EpochTransitions } from './epoch-transitions.js';
import { EpochsController } from './epochs.controller.js';
import { EpochsService } from './epochs.service.js';

@Module({ providers: [EpochTransitions, EpochsService], exports: [EpochTransitions, EpochsService] })
export class KeyEpochsModule {}

@Module({ imports: [KeyEpochsModule], controllers: [EpochsController] })
export class KeyEpochsHttpModule {}
